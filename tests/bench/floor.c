/* The least that the benchmark's work costs: five files of /proc kept open and read again, one
 * statfs, one sleep. No parsing, no judgement, no memory. What an agent takes beyond it is its own. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

int main(void) {
    static const char *paths[] = {"/proc/stat", "/proc/meminfo", "/proc/loadavg",
                                  "/proc/diskstats", "/proc/net/dev"};
    enum { FILES = sizeof paths / sizeof *paths };
    static char text[65536];
    int files[FILES];
    struct timespec next;
    for (int i = 0; i < FILES; i++) {
        files[i] = open(paths[i], O_RDONLY | O_CLOEXEC);
        if (files[i] < 0) {
            perror(paths[i]);
            return 1;
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (int told = 0;; told = 1) {
        struct statfs root;
        for (int i = 0; i < FILES; i++) {
            if (pread(files[i], text, sizeof text, 0) < 0) {
                perror(paths[i]);
                return 1;
            }
        }
        if (statfs("/", &root) != 0) {
            perror("/");
            return 1;
        }
        if (!told && write(1, "ok\n", 3) != 3) {
            return 1;
        }
        next.tv_sec++;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
}
