/* A target is a host and perhaps a folder below the receiver's, parted by a colon - which IPv6 addresses are
 * full of. So: what stands in brackets is the host; a whole IPv6 address is the host alone; else the first
 * colon parts. */
#include "target.h"

#include <arpa/inet.h>
#include <string.h>

#include "udpcp/transfer.h"

static int is_ipv6_literal(const char *text) {
  char address[INET6_ADDRSTRLEN];
  unsigned char parsed[16];
  size_t size = strcspn(text, "%"); /* a zone may follow */
  if (size >= sizeof address) return 0;
  memcpy(address, text, size);
  address[size] = 0;
  return inet_pton(AF_INET6, address, parsed) == 1;
}

/* "./a/b/" becomes "a/b"; what could leave the receiver's folder is refused here, before anything is sent. */
static const char *subfolder_parse(char *text, struct target *target) {
  if (*text == '/') return "names no folder below the receiver's: leave out the leading '/'";
  while (text[0] == '.' && text[1] == '/') {
    text += 2;
    while (*text == '/')
      text++;
  }
  size_t size = strlen(text);
  while (size > 0 && text[size - 1] == '/')
    text[--size] = 0;
  if (size == 0 || strcmp(text, ".") == 0) return NULL;
  if (name_check((const unsigned char *)text, size) != 0)
    return "names no folder below the receiver's: no '..', no empty part, no name longer than 255 bytes";
  target->subfolder = text;
  return NULL;
}

const char *target_parse(char *text, struct target *target) {
  *target = (struct target){.host = text};
  char *colon = NULL;
  if (*text == '[') {
    char *bracket = strchr(text, ']');
    if (!bracket) return "lacks the closing ']'";
    if (bracket[1] != 0 && bracket[1] != ':') return "has something other than ':' after ']'";
    colon = bracket[1] == ':' ? bracket + 1 : NULL;
    *bracket = 0;
    target->host = text + 1;
    if (!is_ipv6_literal(target->host)) return "has no IPv6 address in its brackets";
  } else if (!is_ipv6_literal(text)) {
    colon = strchr(text, ':');
  }
  if (colon) *colon = 0;
  if (!*target->host) return "names no host (an IPv6 address with a folder stands in brackets: [::1]:folder)";
  return colon ? subfolder_parse(colon + 1, target) : NULL;
}
