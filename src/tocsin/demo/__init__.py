"""`tocsin demo`: data with planted troubles, frauds and farmed days, and what the main job finds of them."""

from tocsin.demo.project import DemoResult, run_demo

__all__ = ["DemoResult", "run_demo"]
