"""Parquet files, read with pyarrow, a few rows at a time."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from translator.errors import DataError
from translator.text.formats.columns import Languages
from translator.text.formats.table import Row, unnested
from translator.text.opening import explain_errors
from translator.text.reader import LineLimit

_BATCH_ROWS = 1000


def read_parquet(path: Path, limit: LineLimit, languages: Languages) -> Iterator[Row]:
    """Yield the rows as objects."""
    import pyarrow
    from pyarrow import parquet

    try:
        with explain_errors(path), parquet.ParquetFile(path) as file:
            rows = chain.from_iterable(batch.to_pylist() for batch in file.iter_batches(_BATCH_ROWS))
            yield from enumerate(map(unnested, rows), 1)
    except pyarrow.ArrowException as error:
        raise DataError(str(path), f"damaged Parquet file ({error})", "copy it again") from error
