"""Building an ONNX graph: nodes and constants get their names by themselves.

Only standard operators of ONNX and ONNX-ML are used, in double precision except where a type is fixed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
"""Of ONNX's operators: what ONNX Runtime has had since its version 1.14."""

ML_OPSET = 5
"""Of those of ONNX-ML: since version 1.21."""
IR_VERSION = 10

_ML = "ai.onnx.ml"
_AT_MOST, _SUM, _NONE = 0, 1, 0  # of its operator TreeEnsemble: how nodes compare, and what is made of the leaves
_TYPES = {np.float32: TensorProto.FLOAT, np.float64: TensorProto.DOUBLE, np.int64: TensorProto.INT64}

Value = str
"""Name of what a node or constant gives."""

Operand = Value | NDArray[Any]
"""Of a node: what another one gives, or a constant."""


@dataclass(frozen=True)
class Trees:
    """Decision trees: inner nodes, and leaves, each numbered over all trees.

    Attributes
    ----------
    roots
        Inner node that each tree begins with, int [trees].
    limits, columns
        Of each inner node: what the value in a column is compared with, float64 and int [nodes].
    below, above
        Where to go if the value is at most the limit, and else: an inner node or a leaf, int [nodes].
    below_is_leaf, above_is_leaf
        Which of them it is, bool [nodes].
    weights
        Of the leaves, float64 [leaves].
    """

    roots: NDArray[Any]
    limits: NDArray[Any]
    columns: NDArray[Any]
    below: NDArray[Any]
    above: NDArray[Any]
    below_is_leaf: NDArray[Any]
    above_is_leaf: NDArray[Any]
    weights: NDArray[Any]

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All but the roots."""
        return tuple(getattr(self, field.name) for field in fields(self))[1:]


class Graph:
    """A graph under construction."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._outputs: list[onnx.ValueInfoProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._count = 0

    def input(self, name: str, shape: Sequence[int | str]) -> Value:
        """An input of the model, float32 of that shape, of which texts are lengths that may differ."""
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def output(self, name: str, value: Value, shape: Sequence[int | str]) -> None:
        """Let `value` be an output of the model, as float32."""
        self._nodes.append(helper.make_node("Cast", [value], [name], name=name, to=TensorProto.FLOAT))
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def constant(self, array: ArrayLike, dtype: type[np.generic] | None = None) -> Value:
        """A constant; equal ones are stored once."""
        values = np.ascontiguousarray(array, dtype)
        key = hashlib.sha256(f"{values.dtype}{values.shape}".encode() + values.tobytes()).hexdigest()[:16]
        name = f"constant_{key}"
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(values, name)
        return name

    def double(self, array: ArrayLike) -> Value:
        """A constant in double precision; stored in single precision where nothing is lost by it."""
        values = np.asarray(array, np.float64)
        small = values.astype(np.float32)
        if values.size > 1 and np.array_equal(small.astype(np.float64), values):
            return self.cast(self.constant(small), np.float64)
        return self.constant(values)

    def rows(self, array: NDArray[np.floating]) -> Value:
        """Training rows, rounded to single precision to halve the file, in double precision."""
        return self.cast(self.constant(array, np.float32), np.float64)

    def integers(self, *values: int) -> Value:
        """A constant int64 [values]."""
        return self.constant(values, np.int64)

    def add(self, operator: str, *operands: Operand, domain: str = "", **attributes: Any) -> Value:
        """A node with one output."""
        (name,) = self.add_many(operator, *operands, count=1, domain=domain, **attributes)
        return name

    def add_many(
        self, operator: str, *operands: Operand, count: int, domain: str = "", **attributes: Any
    ) -> tuple[Value, ...]:
        """A node with several outputs."""
        self._count += 1
        inputs = [one if isinstance(one, str) else self.constant(one) for one in operands]
        names = tuple(f"value_{self._count}_{number}" for number in range(count))
        # without a name of their own, ONNX Runtime 1.20 calls several nodes that it replaces the same
        name = f"{operator}_{self._count}"
        self._nodes.append(helper.make_node(operator, inputs, names, name=name, domain=domain, **attributes))
        return names

    # ------------------------------------------------------------------------------------------------- what recurs

    def cast(self, value: Value, dtype: type[np.generic]) -> Value:
        """`value` in another type."""
        return self.add("Cast", value, to=_TYPES[dtype])

    def columns(self, value: Value, block: slice) -> Value:
        """Columns of [clips, columns]."""
        ends = self.integers(block.start), self.integers(block.stop)
        return self.add("Slice", value, *ends, self.integers(1))

    def side_by_side(self, *values: Value) -> Value:
        """[clips, columns] each, as one."""
        return values[0] if len(values) == 1 else self.add("Concat", *values, axis=1)

    def sum_of(self, value: Value, axis: int, *, keep: bool = False) -> Value:
        """Sum along an axis."""
        return self.add("ReduceSum", value, self.integers(axis), keepdims=int(keep))

    def mean_of(self, value: Value, axis: int, *, keep: bool = False) -> Value:
        """Mean along an axis."""
        return self.add("ReduceMean", value, self.integers(axis), keepdims=int(keep))

    def at_least(self, value: Value, smallest: float) -> Value:
        """`value`, or `smallest` where it is less."""
        return self.add("Max", value, self.constant(smallest, np.float64))

    def square(self, value: Value) -> Value:
        """`value` squared."""
        return self.add("Mul", value, value)

    def trees(self, value: Value, trees: Trees) -> Value:
        """Sums over the leaves that rows, double [clips, columns], end in; double [clips, 1]."""
        whole = {
            "tree_roots": trees.roots,
            "nodes_featureids": trees.columns,
            "nodes_truenodeids": trees.below,
            "nodes_falsenodeids": trees.above,
            "nodes_trueleafs": trees.below_is_leaf,
            "nodes_falseleafs": trees.above_is_leaf,
            "leaf_targetids": np.zeros(len(trees.weights)),
        }
        return self.add(
            "TreeEnsemble",
            value,
            domain=_ML,
            n_targets=1,
            aggregate_function=_SUM,
            post_transform=_NONE,
            nodes_modes=numpy_helper.from_array(np.full(len(trees.limits), _AT_MOST, np.uint8)),
            nodes_splits=numpy_helper.from_array(np.asarray(trees.limits, np.float64)),
            leaf_weights=numpy_helper.from_array(np.asarray(trees.weights, np.float64)),
            **{name: values.astype(np.int64).tolist() for name, values in whole.items()},
        )

    def to_bytes(self) -> bytes:
        """The model, serialised.

        Raises
        ------
        onnx.checker.ValidationError
            If it is none.
        """
        graph = helper.make_graph(self._nodes, "asd", self._inputs, self._outputs, list(self._constants.values()))
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(_ML, ML_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="asd")
        onnx.checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString(deterministic=True)
        return content
