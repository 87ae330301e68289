"""A client for HTTP/3 by `aioquic`, in its own Python: reads connections as JSON, and on each asks its requests one after the other.

In: {"port": …, "connections": [[{"fields": [[name, value], …], "body": …}]]}, pseudo-header fields among the fields, as they are sent.
Out: [[{"status": …, "headers": [[name, value], …], "body": …}]]; status 0 if the server reset the stream or the connection.
"""

import asyncio
import json
import ssl
import sys

from aioquic.asyncio import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, StreamReset

PATIENCE = 20  # seconds


class Client(QuicConnectionProtocol):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.http = H3Connection(self._quic)
        self.answers, self.ends = {}, {}

    async def ask(self, fields, body):
        stream = self._quic.get_next_available_stream_id()
        self.answers[stream] = {"status": 0, "headers": [], "body": ""}
        self.ends[stream] = asyncio.get_running_loop().create_future()
        self.http.send_headers(stream, [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields], not body)
        if body:
            self.http.send_data(stream, body.encode(), True)
        self.transmit()
        await asyncio.wait_for(self.ends[stream], PATIENCE)
        return self.answers[stream]

    def end(self, stream):
        if not self.ends[stream].done():
            self.ends[stream].set_result(None)

    def quic_event_received(self, event):
        if isinstance(event, ConnectionTerminated):
            for stream in self.ends:
                self.end(stream)
        elif isinstance(event, StreamReset):
            self.end(event.stream_id)
        for got in self.http.handle_event(event):
            answer = self.answers[got.stream_id]
            if isinstance(got, HeadersReceived):
                fields = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in got.headers]
                answer["status"] = int(dict(fields)[":status"])
                answer["headers"] = fields
            elif isinstance(got, DataReceived):
                answer["body"] += got.data.decode("latin-1")
            if got.stream_ended:
                self.end(got.stream_id)


async def converse(port, requests):
    configuration = QuicConfiguration(alpn_protocols=H3_ALPN, is_client=True, server_name="api.example", verify_mode=ssl.CERT_NONE)
    async with connect("127.0.0.1", port, configuration=configuration, create_protocol=Client) as client:
        return [await client.ask(request["fields"], request.get("body", "")) for request in requests]


async def main():
    asked = json.load(sys.stdin)
    print(json.dumps([await converse(asked["port"], requests) for requests in asked["connections"]]))


asyncio.run(main())
