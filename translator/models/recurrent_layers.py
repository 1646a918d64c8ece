"""The stacks of layers of the recurrent encoder-decoder."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from translator.models.cells import Cell, Hidden
from translator.ops.choice import Ops


class Encoder(nn.Module):
    """Layers of a bidirectional recurrence over the embedded source; padding is never read.

    With `residual`, each layer but the first adds its input to its output. With `layer_norm`, outputs are normalised.
    """

    def __init__(
        self,
        cell_class: type[Cell],
        input_dim: int,
        hidden_dim: int,
        *,
        num_layers: int,
        residual: bool = False,
        layer_norm: bool = False,
    ) -> None:
        super().__init__()
        self.hidden_dim, self.residual = hidden_dim, residual
        # The library runs several layers at once if nothing happens between them.
        together = 1 if residual or layer_norm else num_layers
        layer_class = cell_class.layer_class
        self.recurrence = layer_class(input_dim, hidden_dim, together, batch_first=True, bidirectional=True)
        self.upper = nn.ModuleList(
            layer_class(2 * hidden_dim, hidden_dim, batch_first=True, bidirectional=True)
            for _ in range(num_layers - together)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(2 * hidden_dim) for _ in range(num_layers * layer_norm))

    def forward(self, embedded_BSD: Tensor, mask_BS: Tensor) -> tuple[Tensor, Tensor]:
        """Return (annotation_BSD, last_BD), where last is [forward state at the true end; backward state at the start]."""
        # Packing needs the lengths on the CPU, which waits for a GPU.
        packed = pack_padded_sequence(embedded_BSD, mask_BS.sum(1).cpu(), batch_first=True, enforce_sorted=False)
        for number, recurrence in enumerate([self.recurrence, *self.upper]):
            below = packed
            packed, last = recurrence(below)
            data_MD = packed.data + below.data if self.residual and number else packed.data  # M: all real tokens
            packed = PackedSequence(self.norms[number](data_MD) if self.norms else data_MD, *packed[1:])
        hidden_XBD = last[0] if isinstance(last, tuple) else last  # X: the two directions of every layer
        annotation_BSD, _ = pad_packed_sequence(packed, batch_first=True, total_length=mask_BS.shape[1])
        # The last two are those of the top layer.
        return annotation_BSD, torch.cat((hidden_XBD[-2], hidden_XBD[-1]), -1)


class UpperLayers(nn.Module):
    """The decoder's layers above its first cell. Each cell reads the output of the layer below.

    With `residual`, a layer adds this output to its own. With `layer_norm`, the outputs of all layers are normalised.
    """

    def __init__(
        self, cell_class: type[Cell], hidden_dim: int, num_layers: int, *, residual: bool, layer_norm: bool, ops: Ops
    ) -> None:
        """Initialise the layers of a decoder that has `num_layers` in all."""
        super().__init__()
        self.cells = nn.ModuleList(cell_class(hidden_dim, 0, hidden_dim, ops=ops) for _ in range(num_layers - 1))
        self.norms = nn.ModuleList(nn.LayerNorm(hidden_dim) for _ in range(num_layers * layer_norm))
        self.residual, self.num_tensors = residual, cell_class.num_tensors

    def run(self, state_BTD: Tensor, hidden: Hidden) -> Tensor:
        """Return output_BTD of the top layer for all states of the first cell; `hidden` has the states of these layers."""
        output_BTD = self._normalised(state_BTD, 0)
        for number, cell in enumerate(self.cells, 1):
            output_BTD = self._output(cell.run(output_BTD, self._of_layer(hidden, number)), output_BTD, number)  # type: ignore[operator]
        return output_BTD

    def advance(self, state_RD: Tensor, hidden: Hidden) -> tuple[Tensor, Hidden]:
        """Return (output_RD of the top layer, the new states of these layers) for one state of the first cell."""
        output_RD, states = self._normalised(state_RD, 0), []
        for number, cell in enumerate(self.cells, 1):
            gate_RG = cell.input_gates(output_RD)  # type: ignore[operator]
            state = cell.advance(gate_RG, output_RD[:, :0], self._of_layer(hidden, number))  # type: ignore[operator]
            output_RD = self._output(state[0], output_RD, number)
            states += state
        return output_RD, tuple(states)

    def _of_layer(self, hidden: Hidden, number: int) -> Hidden:
        return hidden[(number - 1) * self.num_tensors : number * self.num_tensors]

    def _output(self, state: Tensor, below: Tensor, number: int) -> Tensor:
        return self._normalised(state + below if self.residual else state, number)

    def _normalised(self, x: Tensor, number: int) -> Tensor:
        return self.norms[number](x) if self.norms else x
