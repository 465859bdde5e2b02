"""Reports over HTTP: from foreign SDKs, by keys, to the queue.

A request is authenticated, limited, inflated, parsed, mapped to the bodies of reports, scrubbed,
keyed and published; it is answered when the server or the spool has what it brought.
"""
