/* turns: see the header. `fresh` credit is counted in two generations, so that what is not used within one to
 * two epochs falls out of the sum without anybody looking for it. The bound halves in an epoch in which the
 * socket overflowed - not in the one after it, for what had been said before is still to come - and grows by
 * half in one in which somebody waited while the receiver slept for a sixteenth of the time or more. */
#include "transport/turns.h"

#include <assert.h>

enum {
  SOCKET_PART = 8,    /* a longer queue only makes all of it fall out of the caches */
  PIECES_AT_ONCE = 4, /* as many may send at a time, when a line stands */
  BOUND_MIN = 1 << 20,
  IDLE_PART = 16,
};

void turns_init(struct turns *turns, uint64_t ceiling) {
  *turns = (struct turns){.air_max = UINT64_MAX, .ceiling = ceiling};
  turns->end = &turns->first;
}

/* ---- credit in the air ---- */

static uint64_t air_of(const struct turns *turns) { return turns->air[0] + turns->air[1]; }

/* What has grown old is in no sum any more. */
static void settle(const struct turns *turns, struct turns_member *turn) {
  if (turns->epoch - turn->epoch > 1) turn->fresh = 0;
}

static void drop_fresh(struct turns *turns, struct turns_member *turn, uint64_t bytes) {
  settle(turns, turn);
  if (bytes > turn->fresh) bytes = turn->fresh;
  assert(turns->air[turn->epoch % 2] >= bytes);
  turns->air[turn->epoch % 2] -= bytes;
  turn->fresh -= bytes;
}

void turns_on_used(struct turns *turns, struct turns_member *turn, uint64_t bytes) {
  drop_fresh(turns, turn, bytes);
}

void turns_on_granted(struct turns *turns, struct turns_member *turn, uint64_t bytes) {
  settle(turns, turn);
  uint64_t fresh = turn->fresh + bytes;
  drop_fresh(turns, turn, turn->fresh);
  turn->fresh = fresh;
  turn->epoch = turns->epoch;
  turns->air[turn->epoch % 2] += fresh;
}

/* ---- the line ---- */

static void line_up(struct turns *turns, struct turns_member *turn) {
  if (turn->is_waiting) return;
  turn->is_waiting = true;
  turn->next = NULL;
  *turns->end = turn;
  turns->end = &turn->next;
}

static void step_out(struct turns *turns, struct turns_member *turn) {
  if (!turn->is_waiting) return;
  struct turns_member **at = &turns->first;
  while (*at != turn)
    at = &(*at)->next;
  *at = turn->next;
  if (!*at) turns->end = at;
  turn->is_waiting = false;
}

void turns_join(struct turns *turns, struct turns_member *turn) {
  *turn = (struct turns_member){.epoch = turns->epoch};
  turns->members++;
}

void turns_leave(struct turns *turns, struct turns_member *turn) {
  assert(turns->members > 0);
  drop_fresh(turns, turn, UINT64_MAX);
  step_out(turns, turn);
  turns->members--;
}

uint64_t turns_ask(struct turns *turns, struct turns_member *turn, uint64_t want, uint64_t least) {
  if (turns->members < 2 || turns->air_max == UINT64_MAX) return want;
  uint64_t air = air_of(turns), room = air < turns->air_max ? turns->air_max - air : 0;
  bool is_next = turn->is_called || !turns->first;
  turn->is_called = false;
  if (!is_next || room < least) {
    line_up(turns, turn);
    return 0;
  }
  uint64_t piece = turns->air_max / PIECES_AT_ONCE;
  if (piece < least) piece = least;
  uint64_t may = turns->first && piece < room ? piece : room;
  if (want <= may) return want;
  turns->was_short = true;
  return may;
}

struct turns_member *turns_next(struct turns *turns, uint64_t least) {
  struct turns_member *turn = turns->first;
  if (!turn || (air_of(turns) + least > turns->air_max && turns->members > 1)) return NULL;
  step_out(turns, turn);
  turn->is_called = true;
  return turn;
}

/* ---- time ---- */

static void judge_epoch(struct turns *turns, uint64_t took_ns, uint64_t drops, uint64_t asleep_ns) {
  bool has_idled = asleep_ns - turns->asleep_ns >= took_ns / IDLE_PART;
  bool has_overflowed = drops != turns->drops && !turns->has_halved;
  turns->has_halved = has_overflowed;
  if (has_overflowed)
    turns->air_max /= 2;
  else if (has_idled && drops == turns->drops && (turns->first || turns->was_short))
    turns->air_max += turns->air_max / 2;
  if (turns->air_max > turns->ceiling) turns->air_max = turns->ceiling;
  if (turns->air_max < BOUND_MIN) turns->air_max = BOUND_MIN;
}

uint64_t turns_on_clock(struct turns *turns, uint64_t now_ns, uint64_t socket_bytes, uint64_t drops,
                        uint64_t asleep_ns) {
  if (now_ns >= turns->epoch_end_ns) {
    if (turns->air_max == UINT64_MAX) {
      turns->air_max = socket_bytes / SOCKET_PART;
      turns->drops = drops;
    }
    uint64_t begun_ns = turns->epoch_end_ns > TURNS_EPOCH_NS ? turns->epoch_end_ns - TURNS_EPOCH_NS : 0;
    judge_epoch(turns, now_ns - begun_ns, drops, asleep_ns);
    bool is_long = now_ns - turns->epoch_end_ns >= TURNS_EPOCH_NS; /* both generations are old */
    turns->epoch += is_long ? 2 : 1;
    turns->air[turns->epoch % 2] = 0;
    if (is_long) turns->air[(turns->epoch + 1) % 2] = 0;
    turns->epoch_end_ns = now_ns + TURNS_EPOCH_NS;
    turns->was_short = false;
    turns->drops = drops;
    turns->asleep_ns = asleep_ns;
  }
  return turns->first ? turns->epoch_end_ns : TIME_NEVER;
}
