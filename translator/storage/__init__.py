"""Files and folders that are complete or absent.

`files` and `folders` write atomically, `temporary` names what is being written and cleans up after a killed process, and
`manifest` records and checks the hashes of a folder.
"""
