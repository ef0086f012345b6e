"""Every touch of torch's compiler that torch does not promise: its classes of errors."""


def compile_errors() -> tuple[type[Exception], ...]:
    """What compiling a network raises."""
    from torch._dynamo.exc import TorchDynamoException  # loads the compiler: a second
    from torch._inductor.exc import CppCompileError, InvalidCxxCompiler

    return TorchDynamoException, CppCompileError, InvalidCxxCompiler


def compile_reason(error: Exception) -> str:
    """Why, in a line: that of the C++ compiler's first error, where it ran."""
    inner = getattr(error, "inner_exception", error)
    lines = [line.strip() for line in str(inner).splitlines() if line.strip()]
    first = lines[0] if lines else type(inner).__name__
    return next((line for line in lines if "error: " in line), first)
