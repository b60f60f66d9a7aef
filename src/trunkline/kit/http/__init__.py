"""The ASGI core: operations declared once, one pipeline for all dialects."""
