/* The two programs of the benchmark's root file system, without a C library: what is measured is the container, not them.
 *   -DEXIT   leaves with 0 at once: the static `true`
 *   else     sleeps until a signal: a container that stays */
    .globl _start
    .text
_start:
#if defined(__x86_64__)
#ifdef EXIT
    xor %edi, %edi
    mov $231, %eax          /* exit_group */
    syscall
#else
1:  mov $34, %eax           /* pause */
    syscall
    jmp 1b
#endif
#elif defined(__aarch64__)
#ifdef EXIT
    mov x0, #0
    mov x8, #94             /* exit_group */
    svc #0
#else
1:  mov x0, #0              /* ppoll(NULL, 0, NULL, NULL) */
    mov x1, #0
    mov x2, #0
    mov x3, #0
    mov x8, #73
    svc #0
    b 1b
#endif
#else
#error "no program for this architecture"
#endif
    .section .note.GNU-stack, "", %progbits
