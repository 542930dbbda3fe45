/* machine: which network stack this process stands on: the boot it belongs to and its network namespace. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "udpcp/io.h"

void machine_text(char text[MACHINE_TEXT_BYTES]) {
  char boot[64] = "", stack[48] = "";
  text[0] = 0;
  int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  ssize_t boot_size = read(fd, boot, sizeof boot - 1);
  close(fd);
  ssize_t stack_size = readlink("/proc/self/ns/net", stack, sizeof stack - 1);
  if (boot_size <= 0 || stack_size <= 0) return;
  snprintf(text, MACHINE_TEXT_BYTES, "%.*s %s", (int)strcspn(boot, "\n"), boot, stack);
}
