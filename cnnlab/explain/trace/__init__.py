"""The trace of one image through a network: a `Call` for every layer and function.

Read in this order:
    trace            the entry: hooks and modes around one forward pass
    recorder         what becomes a call; operations: windows, products, resizing
    receptive_field  fields of all tensors; field and axes: how one is represented;
                     field_rules: the rule of each operation; window_rules, axis_rules
    meta_shapes      fast output shapes on the meta device
    torch_bridge     every use of torch's private names
"""
