"""Read a text file as blocks of lines, which is faster than line by line."""

from pathlib import Path

from translator.text.corpus import Lines, join_lines
from translator.text.nfc import nfc
from translator.text.opening import explain_errors
from translator.text.reader import LineLimit, bounded_lines, decode_lines, open_text

_BLOCK_BYTES = 2**22


class BlockReader:
    """Reads the same lines as `read_lines`, about 4 MB at a time and NFC-normalised."""

    def __init__(self, path: Path, limit: LineLimit) -> None:
        self.path, self.limit, self.num_lines = path, limit, 0
        self._waiting = Lines(b"")
        with explain_errors(path):
            self._stream = open_text(path)

    def fill(self) -> int:
        """Read lines if none are waiting to be taken. Returns how many are waiting: 0 at the end of the file."""
        if self._waiting:
            return len(self._waiting)
        with explain_errors(self.path):
            raw = self._stream.read(_BLOCK_BYTES)
            raw += next(bounded_lines(self._stream.readline, self.limit.max_bytes), b"")
        if not raw:
            return 0
        first, content = self.num_lines + 1, raw if raw.endswith(b"\n") else raw + b"\n"
        # Decode the whole block if possible; line by line for a file's first line, which may have a BOM, and to locate errors.
        try:
            if first == 1 or b"\0" in content or _has_longer_line(content, self.limit.max_bytes):
                raise ValueError("decode line by line")
            if b"\r" in content:
                content = content.replace(b"\r\n", b"\n")
            text = content.decode()
        except ValueError:
            text = join_lines(list(decode_lines(content.split(b"\n")[:-1], str(self.path), first, self.limit)))
            content = text.encode()
        normalised = nfc(text)
        self._waiting = Lines(content if normalised is text else normalised.encode())
        return len(self._waiting)

    def take(self, num_lines: int) -> Lines:
        """Return the next `num_lines` of the lines that are waiting."""
        lines, self._waiting = self._waiting.divided(num_lines)
        self.num_lines += len(lines)
        return lines

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def _has_longer_line(content: bytes, max_bytes: int) -> bool:
    """Return whether a line has more than `max_bytes`.

    Jumps from each line feed to the last one within `max_bytes`, so a few searches cover a whole block.
    """
    start = 0
    while len(content) - start > max_bytes:
        start = content.rfind(b"\n", start, start + max_bytes + 1) + 1
        if not start:  # not found
            return True
    return False
