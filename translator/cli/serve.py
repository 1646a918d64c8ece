"""`translator serve`: translate over HTTP."""

from typing import Annotated

from translator.cli import options
from translator.cli.console import notify, warn
from translator.errors import MachineError, UsageError

_Host = Annotated[str, options.option("ADDRESS", "Address to listen on.")]
_Port = Annotated[int, options.option("N", "Port to listen on; 0 picks a free one.", min=0, max=65535)]


def serve(
    run: options.FinishedRun = None,
    host: _Host = "127.0.0.1",
    port: _Port = 8000,
    layer: options.Layer = None,
    head: options.Head = None,
    overrides: options.DecodingOverrides = [],  # noqa: B006 - read by Typer, never changed
    device: options.Device = "auto",
    engine: Annotated[str, options.option("torch|ctranslate2", "Inference engine.")] = "torch",
) -> None:
    """Serve translations over HTTP, as a web page and an API.

    Only this machine can connect unless --host is given. On SIGTERM or Ctrl-C, open requests are answered first. Requires
    starlette and uvicorn: pip install starlette uvicorn

    \b
    Examples:
      translator serve
      translator serve demo.zip --port 9000
      curl http://127.0.0.1:8000/translate --json '{"text": ["A dog sleeps."], "num_best": 3, "attention": true}'
    """
    try:
        from translator.jobs.serve.app import Limits, Service
        from translator.jobs.serve.server import address_of, listen, new_server
    except ModuleNotFoundError as error:
        if error.name not in ("starlette", "uvicorn"):
            raise
        raise MachineError(error.name, "is not installed", "type: pip install starlette uvicorn") from error
    from translator.jobs.inspect.attention import AttentionViewer
    from translator.jobs.translate.device import choose_device
    from translator.jobs.translate.load import load
    from translator.jobs.translate.options import decoding_settings
    from translator.runs.lookup import find_run

    folder = find_run(run)
    with listen(host, port) as listener:
        translator = load(folder, device=choose_device(device), engine=engine)
        settings = decoding_settings(translator.config, overrides, {}, num_best="own")
        viewer: AttentionViewer | str
        try:
            viewer = AttentionViewer(translator, folder, layer=layer, head=head)
        except UsageError as error:
            if error.place != "attention":
                raise
            viewer = error.problem
        limits = Limits()
        service = Service(translator, viewer, settings, name=folder.name, limits=limits)
        if listener.getsockname()[0] in ("0.0.0.0", "::"):
            warn("anyone who can reach this machine can connect, and the connection is not encrypted")
        server = new_server(service, listener, limits)
        notify(f"serving {folder.place} on {address_of(listener)}")
        server.run(sockets=[listener])
