"""What authors' tools do with a course's folder.

They pack and unpack it, describe its files to editors as JSON Schemas, and mark what is not written yet.
"""
