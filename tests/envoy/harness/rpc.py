"""A gRPC server and client, run by a Python that has `grpcio`: `rpc.py serve`, or `rpc.py call PORT CALLS`.

CALLS is a JSON array of `{"kind": "unary" | "stream", "metadata": [[name, value], ...]}`; the answers are printed as a JSON array.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

MESSAGES = [b"first", b"second", b"third"]


class Echo(grpc.GenericRpcHandler):
    """Sends back each message, after the metadata that begin with `x-`."""

    def service(self, details):
        def seen(context):
            return [[name, value] for name, value in context.invocation_metadata() if name.startswith("x")]

        def once(message, context):
            return json.dumps(seen(context)).encode() + b" " + message

        def stream(messages, context):
            for message in messages:
                yield json.dumps(seen(context)).encode() + b" " + message

        if details.method == "/test.Echo/Unary":
            return grpc.unary_unary_rpc_method_handler(once)
        if details.method == "/test.Echo/Stream":
            return grpc.stream_stream_rpc_method_handler(stream)
        return None


def serve():
    server = grpc.server(ThreadPoolExecutor(4), handlers=[Echo()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


def call(channel, kind, metadata):
    pairs = [tuple(pair) for pair in metadata]
    if kind == "unary":
        made = channel.unary_unary("/test.Echo/Unary").future(MESSAGES[0], metadata=pairs, timeout=20)
        messages = (made.result() for _ in range(1))
    else:
        messages = made = channel.stream_stream("/test.Echo/Stream")(iter(MESSAGES), metadata=pairs, timeout=20)
    received = []
    try:
        received.extend(message.decode() for message in messages)
    except grpc.RpcError:
        pass
    text = lambda fields: [[name, value if isinstance(value, str) else value.hex()] for name, value in fields or ()]
    return {"code": made.code().name, "details": made.details(), "messages": received,
            "metadata": text(made.initial_metadata()) + text(made.trailing_metadata())}


def main(command, *arguments):
    if command == "serve":
        serve()
        return
    port, calls = arguments
    with grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.default_authority", "api.example")]) as channel:
        print(json.dumps([call(channel, **each) for each in json.loads(calls)]))


if __name__ == "__main__":
    main(*sys.argv[1:])
