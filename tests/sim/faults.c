/* faults: scenarios with a planted fault. What cannot fail proves nothing: each property has a fault here
 * that must make it fail, in a scenario where nothing else does. */
#include "cases.h"

#include "udpcp/transport.h"

struct planted {
  const char *name;
  enum layer layer;
};

static const struct planted planted[FAULTS] = {
    [FAULT_NONE] = {"none", LAYER_CONN},
    [FAULT_FLIP_BLOCK] = {"flip-block", LAYER_CONN},
    [FAULT_DROP_BLOCK] = {"drop-block", LAYER_CONN},
    [FAULT_REPEAT_BLOCK] = {"repeat-block", LAYER_CONN},
    [FAULT_FLIP_CONTROL] = {"flip-control", LAYER_CONN},
    [FAULT_DROP_CONTROL] = {"drop-control", LAYER_CONN},
    [FAULT_KEEP_BUFFER] = {"keep-buffer", LAYER_CONN},
    [FAULT_LARGE_DATAGRAM] = {"large-datagram", LAYER_CONN},
    [FAULT_SMALL_FIRST] = {"small-first", LAYER_CONN},
    [FAULT_AMPLIFY] = {"amplify", LAYER_CONN},
    [FAULT_LATE_DATAGRAM] = {"late-datagram", LAYER_CONN},
    [FAULT_OTHER_CODE] = {"other-code", LAYER_CONN},
    [FAULT_DEAF] = {"deaf", LAYER_CONN},
    [FAULT_SPIN] = {"spin", LAYER_CONN},
    [FAULT_RESEND] = {"resend", LAYER_CONN},
    [FAULT_MENDED_DAMAGE] = {"mended-damage", LAYER_CONN},
    [FAULT_LOST_WRITE] = {"lost-write", LAYER_TRANSFER},
    [FAULT_FALSE_COMMIT] = {"false-commit", LAYER_TRANSFER},
    [FAULT_HALF_COMMIT] = {"half-commit", LAYER_TRANSFER},
    [FAULT_NO_REPORT] = {"no-report", LAYER_TRANSFER},
};

void fault_make(enum fault fault, struct scenario *scenario) {
  scenario_init(scenario, 7, planted[fault].layer);
  scenario->name = planted[fault].name;
  scenario->fault = fault;
  scenario->is_clean = true;
  scenario->talk[CLIENT].blocks = 30;
  scenario->tree.files = 30;
  for (uint64_t i = 0; i < DROPS_MAX && (fault == FAULT_DEAF || fault == FAULT_RESEND); i++)
    scenario->drops[scenario->drop_count++] = (struct drop){UP, fault == FAULT_DEAF ? i : 20 + i};
  if (fault == FAULT_DEAF) scenario->is_clean = false;
  if (fault == FAULT_HALF_COMMIT) scenario->tree.fate_permille[FATE_WRITE_ERROR] = 300;
  scenario_set_limits(scenario);
}
