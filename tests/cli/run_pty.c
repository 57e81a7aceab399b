/*
 * Runs a program on a pseudo-terminal and writes all bytes that it printed: run_pty COLUMNS[:LATER]
 * PROGRAM ARGUMENT... With LATER the terminal is made that wide once a first line was redrawn. Ends
 * as the program ended.
 */
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int resize(int terminal, const char *columns)
{
    struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)atoi(columns)};

    return ioctl(terminal, TIOCSWINSZ, &size);
}

static void copy_output(int terminal, const char *later)
{
    char bytes[4096];
    ssize_t n;

    while ((n = read(terminal, bytes, sizeof bytes)) > 0) {
        fwrite(bytes, 1, (size_t)n, stdout);
        if (later && memchr(bytes, '\r', (size_t)n) && memmem(bytes, (size_t)n, "\033[K", 3)) {
            resize(terminal, later);
            later = NULL;
        }
    }
}

int main(int argc, char **argv)
{
    struct winsize size = {.ws_row = 24};
    int terminal, status = 0;
    char *colon;
    pid_t child;

    if (argc < 3)
        return 2;
    colon = strchr(argv[1], ':');
    size.ws_col = (unsigned short)atoi(argv[1]);
    child = forkpty(&terminal, NULL, NULL, &size);
    if (child < 0)
        return 2;
    if (child == 0) {
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    copy_output(terminal, colon ? colon + 1 : NULL);
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
