/* wide_gcm: AES-128-GCM (NIST SP 800-38D) by libipsec-mb, which has it for CPUs with VAES and AVX-512.
 *
 * Of that library only three functions are used: expand a key, seal, open. It finds them for the CPU, and
 * tests itself before it gives them away, which takes 0.3 ms and memory that is given back at once. On CPUs
 * without those instructions it is no faster than GnuTLS (measured: 400 to 460 against 343 to 387 ns a packet
 * of 1440 bytes), so there it is not asked; nor is a version of it that does not test itself. */
#include "crypto/wide_gcm.h"

#if defined(__x86_64__) && __has_include(<intel-ipsec-mb.h>)
#include <intel-ipsec-mb.h>
#endif

#if defined(IMB_FEATURE_SELF_TEST_PASS) && defined(IMB_CPUFLAGS_AVX512_T2)
#include "udpcp/crypto.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { TAG_BYTES = 16, CACHE_LINE_BYTES = 64 };

struct wide_gcm {
  _Alignas(CACHE_LINE_BYTES) struct gcm_key_data key;
};

static struct {
  aes_gcm_pre_t expand; /* NULL: none of them is here */
  aes_gcm_enc_dec_t seal, open;
} functions;

static void find_functions(void) {
  const uint64_t needed = IMB_CPUFLAGS_AVX512_T2 | IMB_FEATURE_SELF_TEST_PASS;
  IMB_ARCH arch = IMB_ARCH_NONE;
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("vpclmulqdq")) return;
  IMB_MGR *manager = alloc_mb_mgr(0);
  if (!manager) return;
  init_mb_mgr_auto(manager, &arch);
  if (imb_get_errno(manager) == 0 && arch >= IMB_ARCH_AVX512 && (manager->features & needed) == needed) {
    functions.seal = manager->gcm128_enc;
    functions.open = manager->gcm128_dec;
    functions.expand = manager->gcm128_pre;
  }
  free_mb_mgr(manager);
}

bool wide_gcm_is_here(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, find_functions);
  return functions.expand != NULL;
}

struct wide_gcm *wide_gcm_new(const uint8_t *key) {
  if (!wide_gcm_is_here()) return NULL;
  struct wide_gcm *gcm = aligned_alloc(CACHE_LINE_BYTES, sizeof(*gcm));
  if (gcm) functions.expand(key, &gcm->key);
  return gcm;
}

void wide_gcm_free(struct wide_gcm *gcm) {
  if (gcm) explicit_bzero(gcm, sizeof(*gcm));
  free(gcm);
}

/* The context is all that is between two calls for one packet. Here one does it all, so it goes at once: what
 * enciphered the last bytes stands in it. */
void wide_gcm_seal(const struct wide_gcm *gcm, const uint8_t *nonce, const uint8_t *header,
                   size_t header_size, const uint8_t *payload, size_t size, uint8_t *out) {
  struct gcm_context_data context;
  assert(nonce && header && payload && out && "with NULL the library does nothing, and does not say so");
  functions.seal(&gcm->key, &context, out, payload, size, nonce, header, header_size, out + size, TAG_BYTES);
  explicit_bzero(&context, sizeof(context));
}

int wide_gcm_open(const struct wide_gcm *gcm, const uint8_t *nonce, const uint8_t *header, size_t header_size,
                  const uint8_t *payload, size_t size, uint8_t *out) {
  struct gcm_context_data context;
  uint8_t tag[TAG_BYTES];
  assert(nonce && header && payload && out && "with NULL the library does nothing, and does not say so");
  functions.open(&gcm->key, &context, out, payload, size, nonce, header, header_size, tag, TAG_BYTES);
  bool fits = crypto_equal(tag, payload + size, TAG_BYTES);
  explicit_bzero(&context, sizeof(context));
  explicit_bzero(tag, sizeof(tag)); /* whoever forged a packet must not learn the tag it needs */
  return fits ? 0 : ERR_UNAUTHENTIC;
}

#else

bool wide_gcm_is_here(void) { return false; }
struct wide_gcm *wide_gcm_new(const uint8_t *key) {
  (void)key;
  return NULL;
}
void wide_gcm_free(struct wide_gcm *gcm) { (void)gcm; }

void wide_gcm_seal(const struct wide_gcm *gcm, const uint8_t *nonce, const uint8_t *header,
                   size_t header_size, const uint8_t *payload, size_t size, uint8_t *out) {
  (void)gcm, (void)nonce, (void)header, (void)header_size, (void)payload, (void)size, (void)out;
}
int wide_gcm_open(const struct wide_gcm *gcm, const uint8_t *nonce, const uint8_t *header, size_t header_size,
                  const uint8_t *payload, size_t size, uint8_t *out) {
  (void)gcm, (void)nonce, (void)header, (void)header_size, (void)payload, (void)size, (void)out;
  return ERR_UNAUTHENTIC;
}

#endif
