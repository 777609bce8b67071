"""What the Stylegram services share: messages, errors, settings, ports and their adapters, telemetry.

No service's business lives here. Services import this package and never one another.
"""
