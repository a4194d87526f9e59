"""The price ladder's application; it runs on the interpreter of an application that is not ours."""
