/* The program of the embedded hello-world image. Without a C library: two system calls, about a kilobyte. */

static const char greeting[] =
    "Hello from contain!\n"
    "This text was written by a program in a container, so your machine can run them.\n"
    "\n"
    "Four things happened to bring it to you:\n"
    " 1. contain looked for the image \"hello-world\" and, as it is built into the library,\n"
    "    unpacked it into your store without asking a registry.\n"
    " 2. It made namespaces, a cgroup and a read-only view of that image for one container.\n"
    " 3. It dropped every privilege that is not needed and started the image's only program,\n"
    "    which is writing this.\n"
    " 4. It carried the text to your terminal, and will take the container's processes and\n"
    "    mounts away when the program ends.\n"
    "\n"
    "Something with a shell to look around in:\n"
    "    $ contain run -it debian:bookworm bash\n"
    "\n"
    "From Python:\n"
    "    >>> import contain\n"
    "    >>> print(contain.run(\"debian:bookworm\", \"uname\", \"-a\").text)\n"
    "\n"
    "What this host can do, and what it cannot:\n"
    "    $ contain doctor\n"
    "\n";

#if defined(__x86_64__)
enum { sys_write = 1, sys_exit_group = 231 };
static long system_call(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
enum { sys_write = 64, sys_exit_group = 94 };
static long system_call(long number, long a, long b, long c) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
  return x0;
}
#else
#error "the system calls of this processor are not known here"
#endif

__attribute__((noreturn)) void _start(void) {
  enum { standard_output = 1, interrupted = -4 };
  const char* at = greeting;
  long left = (long)sizeof greeting - 1;
  int status = 0;
  while (left > 0) {
    const long n = system_call(sys_write, standard_output, (long)at, left);
    if (n == interrupted) continue;
    if (n <= 0) {
      status = 1;
      break;
    }
    at += n;
    left -= n;
  }
  for (;;) system_call(sys_exit_group, status, 0, 0);
}
