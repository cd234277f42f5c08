import contain

hello = contain.run("hello-world")
print(hello.text, end="")
print(f"It ended with exit code {hello.returncode}.")
