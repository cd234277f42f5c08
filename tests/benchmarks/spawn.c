/* Runs commands for the benchmark's driver and times them from spawn to reaped: the same small parent for every peer.
 *
 *   spawn -- ARGV…    reads lines; each starts ARGV once and prints wall and CPU nanoseconds and the status
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char** environ;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int main(int argc, char** argv) {
  if (argc < 3 || strcmp(argv[1], "--") != 0) {
    fprintf(stderr, "usage: spawn -- ARGV…\n");
    return 2;
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  for (char line[16]; fgets(line, sizeof line, stdin) != NULL;) {
    const uint64_t start = now_ns();
    pid_t pid;
    int status;
    struct rusage usage;
    if (posix_spawnp(&pid, argv[2], &actions, NULL, argv + 2, environ) != 0) return 1;
    if (wait4(pid, &status, 0, &usage) < 0) return 1;
    const uint64_t wall = now_ns() - start;
    const uint64_t cpu_us = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
                            (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    printf("%lu %lu %d\n", wall, cpu_us * 1000u, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    fflush(stdout);
  }
  return 0;
}
