import time


def server_timing(get_response):
    """Tell the browser how long a response took, in the header Server-Timing."""

    def middleware(request):
        begin = time.perf_counter()
        response = get_response(request)
        took_ms = (time.perf_counter() - begin) * 1000
        response["Server-Timing"] = f"app;dur={took_ms:.1f}"
        return response

    return middleware
