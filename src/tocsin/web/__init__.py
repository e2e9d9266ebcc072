"""The review page: where people see what rang and answer, and the same as JSON for programs.

Needs the extra `web` (starlette, uvicorn); imported by `tocsin serve` alone.
"""
