/* bbr_parts: what the bbr_*.c files share among themselves; nobody else includes this. */
#ifndef TRANSPORT_BBR_PARTS_H
#define TRANSPORT_BBR_PARTS_H

#include "transport/bbr.h"

#define BBR_NONE UINT64_MAX
#define BBR_LOSS_THRESHOLD 0.02
#define BBR_BETA 0.7
#define BBR_HEADROOM 0.15
enum { BBR_WINDOW_DATAGRAMS_MIN = 4 };

/* bbr.c */
uint64_t bbr_window_min(const struct bbr *bbr);
uint64_t bbr_bdp(const struct bbr *bbr, uint64_t bandwidth, double gain);
/* The same with what offloads and a thinning receiver need besides. */
uint64_t bbr_inflight(const struct bbr *bbr, uint64_t bandwidth, double gain);
uint64_t bbr_inflight_with_headroom(const struct bbr *bbr);
void bbr_set_rate(struct bbr *bbr, double gain);
/* Trains lose: half of what the model would have. */
void bbr_halve_quantum(struct bbr *bbr);
void bbr_save_window(struct bbr *bbr);
void bbr_restore_window(struct bbr *bbr);
bool bbr_is_window_limited(const struct bbr *bbr);
/* Every change of state; asserts that there is such a transition. */
void bbr_set_state(struct bbr *bbr, uint64_t now_ns, enum bbr_state state);
bool bbr_is_in_probe_bw(const struct bbr *bbr);
bool bbr_is_probing(const struct bbr *bbr);

/* bbr_model.c */
void bbr_start_round(struct bbr *bbr, const struct delivery *delivery);
void bbr_update_latest(struct bbr *bbr, const struct bbr_ack *ack);
void bbr_advance_latest(struct bbr *bbr, const struct bbr_ack *ack);
void bbr_update_bandwidth(struct bbr *bbr, const struct bbr_ack *ack);
void bbr_advance_bandwidth_filter(struct bbr *bbr);
void bbr_check_slower_path(struct bbr *bbr, const struct bbr_ack *ack);
void bbr_update_aggregation(struct bbr *bbr, const struct bbr_ack *ack);
void bbr_update_min_rtt(struct bbr *bbr, const struct bbr_ack *ack);
uint64_t bbr_extra_acked(const struct bbr *bbr);

/* bbr_loss.c */
void bbr_background_on_gain(struct bbr *bbr, uint64_t now_ns, double pacing_gain);
void bbr_background_on_lost(struct bbr *bbr, const struct bbr_lost *lost);
void bbr_background_on_ack(struct bbr *bbr, const struct rate_sample *sample);
/* Whether `lost` of `total` bytes is more than the path loses anyway and may lose besides. */
bool bbr_is_loss_high(const struct bbr *bbr, uint64_t lost, uint64_t total);

/* bbr_bounds.c */
void bbr_enter_recovery(struct bbr *bbr, uint64_t now_ns);
void bbr_reset_signals(struct bbr *bbr);
void bbr_reset_short_term(struct bbr *bbr);
void bbr_adapt_short_term(struct bbr *bbr, const struct bbr_ack *ack);
void bbr_end_loss_round(struct bbr *bbr, const struct bbr_ack *ack);

/* bbr_states.c */
void bbr_enter_startup(struct bbr *bbr, uint64_t now_ns);
void bbr_reset_full(struct bbr *bbr);
void bbr_check_full(struct bbr *bbr, const struct bbr_ack *ack);
void bbr_check_startup(struct bbr *bbr, const struct bbr_ack *ack);
void bbr_check_drain(struct bbr *bbr, const struct bbr_ack *ack);
void bbr_check_probe_rtt(struct bbr *bbr, const struct bbr_ack *ack);
void bbr_check_probe_rtt_done(struct bbr *bbr, uint64_t now_ns, const struct delivery *delivery);
uint64_t bbr_probe_rtt_window(const struct bbr *bbr);

/* bbr_ramp.c */
void bbr_ramp_init(struct bbr *bbr, uint64_t smoothed_ns);
/* What this acknowledgement tells, before Startup is judged. */
void bbr_ramp_on_ack(struct bbr *bbr, const struct bbr_ack *ack);
/* Window and rate while it lasts, after they were set as in the draft. */
void bbr_ramp_control(struct bbr *bbr, const struct bbr_ack *ack, uint64_t window_before);

/* bbr_probe.c */
void bbr_start_down(struct bbr *bbr, uint64_t now_ns, const struct delivery *delivery);
void bbr_start_refill(struct bbr *bbr, uint64_t now_ns, const struct delivery *delivery);
void bbr_start_cruise(struct bbr *bbr, uint64_t now_ns);
void bbr_update_cycle(struct bbr *bbr, const struct bbr_ack *ack);
uint64_t bbr_target_inflight(const struct bbr *bbr);

#endif
