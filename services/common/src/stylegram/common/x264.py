"""What has libx264 code the same pictures to the same bytes each time."""

import platform

# With AVX-512 its rate control (the tree of macroblocks) adds up other numbers now and then: of small films 1 to 16 %
# came out otherwise, of 1,900 none without, in the same time. What is named here every x86 processor has that numpy
# runs on.
_INSTRUCTIONS = "MMX2,SSE2Fast,SSSE3,SSE4.2"

REPEATABLE = {"x264-params": f"asm={_INSTRUCTIONS}"} if platform.machine() in ("x86_64", "AMD64") else {}
"""Options of the coder, beside a fixed number of threads."""
