"""A platform stand-in that shares nothing with ours: the `websockets` library and the standard library's HTTP server.

Run as a program. Prints its two ports as JSON, then one line of JSON for each thing that happens.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from websockets.sync.server import ServerConnection, serve

hung_up = threading.Event()


def tell(**fact: object) -> None:
    sys.stdout.write(json.dumps(fact) + "\n")
    sys.stdout.flush()


class Rest(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        tell(rest=self.path, authorization=self.headers["authorization"])
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
        hung_up.set()

    def log_message(self, *arguments: object) -> None:
        pass


def talk(connection: ServerConnection) -> None:
    assert connection.request is not None
    tell(joined=connection.request.path, authorization=connection.request.headers["authorization"])
    connection.send(json.dumps({"type": "conversation.created", "conversation": {"id": "c"}}))
    connection.send(json.dumps({"type": "session.created", "session": {"model": "m"}}))
    for _ in range(2):
        tell(frame=json.loads(connection.recv()))
    connection.send(json.dumps({"type": "input_audio_buffer.dtmf_event_received", "event": "7"}))
    wish = {"type": "response.function_call_arguments.done", "call_id": "fc", "name": "hang_up", "arguments": "{}"}
    connection.send(json.dumps({"type": "response.created", "response": {"id": "r"}}))
    delta = {"type": "response.output_audio_transcript.delta", "response_id": "r", "item_id": "i", "delta": "Bye."}
    connection.send(json.dumps(delta))
    connection.send(json.dumps(wish))
    connection.send(json.dumps({"type": "response.done", "response": {"id": "r", "status": "completed"}}))
    hung_up.wait(timeout=30)
    for message in connection:
        tell(frame=json.loads(message))
    tell(closed=connection.close_code)


rest = ThreadingHTTPServer(("127.0.0.1", 0), Rest)
threading.Thread(target=rest.serve_forever, daemon=True).start()
with serve(talk, "127.0.0.1", 0) as server:
    tell(rest_port=rest.server_port, websocket_port=server.socket.getsockname()[1])
    server.serve_forever()
