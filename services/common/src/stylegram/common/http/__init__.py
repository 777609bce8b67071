"""What a service needs to answer over HTTP: the guards before its endpoints, the ways of its errors, the server."""
