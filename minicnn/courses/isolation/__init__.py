"""A student's code in a process of its own, with limits; arrays go in and come out."""
