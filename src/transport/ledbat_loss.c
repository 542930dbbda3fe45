/* ledbat_loss: which losses ask for less. LEDBAT++ answers every loss as Reno does, so a path that loses 1%
 * of everything, whatever is sent, would leave it almost nothing. But what is lost while no packet waits fell
 * into no queue: its share is counted, and so much is borne at all times, of a round trip's packets or of 400
 * when there are fewer. Beyond a twentieth it is borne no more: then a policer is the better guess. */
#include "transport/ledbat.h"

#define QUEUE_NS_MIN NS_PER_MS /* less is noise. More on long paths would be whole queues of short ones */
#define SHARE_MAX 0.05
enum { JUDGED_PACKETS = 400, REMEMBERED_PACKETS = 4000 };

static bool is_clear(const struct ledbat *ledbat) {
  return ledbat_delay_base_ns(&ledbat->delay) != UINT64_MAX &&
         ledbat_delay_queue_ns(&ledbat->delay) <= QUEUE_NS_MIN;
}

static double share_anyway(const struct ledbat_loss *loss) {
  double share = loss->clear_total > 0 ? loss->clear_lost / loss->clear_total : 0;
  return share < SHARE_MAX ? share : SHARE_MAX;
}

void ledbat_loss_on_acked(struct ledbat *ledbat, uint64_t now_ns, uint64_t bytes) {
  struct ledbat_loss *loss = &ledbat->loss;
  double packets = (double)bytes / (double)ledbat->datagram_bytes;
  if (loss->total >= JUDGED_PACKETS && now_ns >= loss->from_ns + ledbat->smoothed_ns) {
    loss->total = loss->lost = 0;
    loss->from_ns = now_ns;
  }
  loss->total += packets;
  if (!is_clear(ledbat)) return;
  loss->clear_total += packets;
  if (loss->clear_total < REMEMBERED_PACKETS) return;
  loss->clear_total /= 2;
  loss->clear_lost /= 2;
}

bool ledbat_loss_is_answered(struct ledbat *ledbat) {
  struct ledbat_loss *loss = &ledbat->loss;
  bool clear = is_clear(ledbat);
  loss->total++;
  loss->lost++;
  if (clear) {
    loss->clear_total++;
    loss->clear_lost++;
  }
  double judged = loss->total > JUDGED_PACKETS ? loss->total : JUDGED_PACKETS;
  double anyway = (clear ? SHARE_MAX : share_anyway(loss)) * judged;
  double excess = loss->lost - anyway;
  return excess > 0 && excess * excess > 9 * anyway; /* three standard deviations */
}
