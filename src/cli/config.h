/* config: the folder with this user's identity and lists of keys. */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include "udpcp/base.h"

enum { CONFIG_PATH_BYTES = 4096 };
#define CONFIG_IDENTITY "identity"
#define CONFIG_AUTHORIZED "authorized"
#define CONFIG_KNOWN "known_receivers"

/* The path of a file in $XDG_CONFIG_HOME/udpcp, else .config/udpcp below the home folder. Nothing is made.
 * ERR_NOT_FOUND when there is neither; ERR_NO_SPACE. */
int config_path(const char *name, char path[CONFIG_PATH_BYTES]);
/* That folder itself, as config_path; one that is not there yet is in order. ERR_EXPOSED when somebody else
 * can put files there or take them away: then a list that is missing says nothing. */
int config_check(char folder[CONFIG_PATH_BYTES]);

#endif
