"""Matrices as typed, and the named kernels."""

import pytest

from cnnlab.explain.convolution.kernels import KERNELS, find_kernel
from cnnlab.explain.convolution.matrix import as_text, number, parse_matrix
from cnnlab.registry import CnnlabError


def test_numbers_as_people_type_them():
    matrix = parse_matrix("[[1, -2.5, .5], [1e-3, 1/4, 010]]", "--input", most=9)
    assert matrix.tolist() == [[1, -2.5, 0.5], [0.001, 0.25, 10]]
    assert as_text(matrix) == "[[1, -2.5, 0.5], [0.001, 0.25, 10]]"
    assert [number(value) for value in (-0.0, 1e9, 0.1 + 0.2, 2 / 3, 0.00012)] == [
        *("0", "1000000000", "0.3", "0.667", "0.00012")
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[1,2],[3]]", "--input: rows must be equally long; row 1 has 2, row 2 has 1"),
        ("[[1,x]]", "--input, row 1, column 2: 'x' is not a finite number"),
        ("[[1,nan]]", "'nan' is not a finite number"),
        ("[[1,null]]", "'null' is not a finite number"),
        ("[[1/0]]", "'1/0' is not a finite number"),
        ("[[1e99]]", "1e\\+99 is out of range"),
        ("[[[1,2]]]", "is a list; a matrix has one channel"),
        ("[[{a: 1}]]", "is not a finite number"),
        ("[]", "--input is empty"),
        ("[[]]", "--input is empty"),
        ("[1,2]", "'\\[1,2\\]' is not a list of rows"),
        ("", "is not a list of rows"),
        ("[[1,2]", "is not a list of rows"),
        ("!!python/name:os.system", "is not a list of rows"),
        ("[" * 5000, "--input has more than 9 rows"),
        ("[[" + "1," * 5_000 + "1]]", "10,005 characters are too many"),
        ("[[1,1,1,1,1,1,1,1,1,1]]", "--input is 1x10; at most 9x9 is allowed"),
    ],
)
def test_refuses_by_name(text, said):
    with pytest.raises(CnnlabError, match=said):
        parse_matrix(text, "--input", most=9)


def test_named_kernels():
    names = "edge sobel_x sobel_y laplacian sharpen blur gaussian emboss"
    assert list(KERNELS) == names.split()
    sums = [round(float(kernel.weights.sum()), 9) for kernel in KERNELS.values()]
    assert sums == [0, 0, 0, 0, 1, 1, 1, 1]
    assert all(kernel.purpose and kernel.reference for kernel in KERNELS.values())
    assert find_kernel("sobel_x").rows == ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1))
    assert find_kernel("gaussian").weights[2, 2] == 36 / 256
    assert find_kernel("[[1,0],[0,1]]").size == (2, 2)


def test_an_unknown_kernel_gets_the_nearest():
    with pytest.raises(CnnlabError, match="did you mean 'sobel_x'"):
        find_kernel("sobelx")
