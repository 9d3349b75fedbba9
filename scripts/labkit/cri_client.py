#!/usr/bin/python3
"""Speaks CRI to one containerd: a process of its own, because gRPC's threads and our forks do not go together.

usage: cri_client.py MESSAGES_FOLDER SOCKET
Reads one JSON request a line, {"call": "RunPodSandbox", "request": {...}, "timeout": seconds}; answers one JSON line,
{"response": {...}} or {"error": "...", "code": "..."}. Messages are in protobuf's JSON form with the original field names.
"""
import json
import sys

sys.path.insert(0, sys.argv[1])

import cri_pb2  # noqa: E402
import cri_pb2_grpc  # noqa: E402
import grpc  # noqa: E402
from google.protobuf import json_format  # noqa: E402


def main():
    stub = cri_pb2_grpc.RuntimeServiceStub(grpc.insecure_channel("unix://" + sys.argv[2]))
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            request = json_format.ParseDict(asked["request"], getattr(cri_pb2, asked["call"] + "Request")())
            response = getattr(stub, asked["call"])(request, timeout=asked["timeout"])
            answer = {"response": json_format.MessageToDict(response, preserving_proto_field_name=True)}
        except grpc.RpcError as error:
            answer = {"error": error.details(), "code": error.code().name}
        except (AttributeError, json_format.ParseError) as error:
            answer = {"error": str(error), "code": "INVALID_REQUEST"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
