/* aead: the two libraries make the same packets at every size, place and alignment, and those NIST published;
 * both find any flipped bit; neither touches a byte beyond what it was given; the faster one is taken. */
#include "unit.h"

#include "crypto/aead.h"
#include "crypto/hkdf.h"
#include "crypto/wide_gcm.h"
#include "vector_file.h"

#include <sys/mman.h>
#include <unistd.h>
#if defined(__x86_64__) && __has_include(<intel-ipsec-mb.h>)
#include <intel-ipsec-mb.h>
#endif

enum { SIZE_MAX_TESTED = 1500, HEADER_BYTES = 23, ROOM = 4096, GCM_KEY_BYTES = 16 };
static const uint8_t key[GCM_KEY_BYTES] = {7, 1, 0xfe, 99}, nonce[NONCE_BYTES] = {3, 0xee, 0, 200};

/* Where the machine has only GnuTLS both are the same, and every test still holds. */
struct both {
  struct aead of[2];
};

static struct both both_of(const uint8_t *with) {
  struct both both;
  CU_ASSERT_EQUAL_FATAL(aead_init_plain(&both.of[0], GNUTLS_CIPHER_AES_128_GCM, with), 0);
  CU_ASSERT_EQUAL_FATAL(aead_init(&both.of[1], GNUTLS_CIPHER_AES_128_GCM, with), 0);
  return both;
}

static void clear_both(struct both *both) {
  aead_clear(&both->of[0]);
  aead_clear(&both->of[1]);
  CU_ASSERT(!both->of[1].wide && !both->of[0].plain);
}

static void fill(uint8_t *bytes, size_t size) {
  static uint32_t state = 12345;
  for (size_t i = 0; i < size; i++)
    bytes[i] = (uint8_t)((state = state * 1664525 + 1013904223) >> 24);
}

static bool can_be_fast(void) {
#if defined(IMB_FEATURE_SELF_TEST_PASS) && defined(IMB_CPUFLAGS_AVX512_T2)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("vpclmulqdq") &&
         __builtin_cpu_supports("gfni");
#else
  return false;
#endif
}

static void the_fastest_is_taken(void) {
  static const uint8_t long_key[32] = {1};
  struct aead aead;
  CU_ASSERT_EQUAL(wide_gcm_is_here(), can_be_fast());
  CU_ASSERT_EQUAL_FATAL(aead_init(&aead, GNUTLS_CIPHER_AES_128_GCM, key), 0);
  CU_ASSERT_EQUAL(aead.wide != NULL, can_be_fast());
  CU_ASSERT_EQUAL(aead.plain != NULL, !can_be_fast());
  aead_clear(&aead);
  CU_ASSERT_EQUAL_FATAL(aead_init(&aead, GNUTLS_CIPHER_CHACHA20_POLY1305, long_key), 0);
  CU_ASSERT_PTR_NOT_NULL(aead.plain);
  CU_ASSERT_PTR_NULL(aead.wide);
  aead_clear(&aead);
}

/* One packet: sealed by both, apart at odd addresses and in place, opened by the other and in place. */
static bool agree(const struct both *both, size_t size, size_t header_size, unsigned shift) {
  static uint8_t header[64 + HEADER_BYTES], payload[ROOM], sealed[2][ROOM], opened[ROOM];
  uint8_t *h = header + shift % 61, *p = payload + shift,
          *s[2] = {sealed[0] + shift % 7, sealed[1] + shift % 5};
  uint8_t *o = opened + shift % 3;
  size_t all = size + AEAD_TAG_BYTES;
  bool fits = true;
  fill(h, header_size);
  fill(p, size);
  for (unsigned way = 0; way < 2; way++)
    aead_seal(&both->of[way], nonce, h, header_size, p, size, s[way]);
  fits &= memcmp(s[0], s[1], all) == 0;
  for (unsigned way = 0; way < 2; way++) {
    memset(o, 0xee, size);
    fits &= aead_open(&both->of[!way], nonce, h, header_size, s[way], all, o) == 0 && memcmp(o, p, size) == 0;
    memcpy(o, p, size);
    aead_seal(&both->of[way], nonce, h, header_size, o, size, o);
    fits &= memcmp(o, s[way], all) == 0;
    fits &= aead_open(&both->of[way], nonce, h, header_size, o, all, o) == 0 && memcmp(o, p, size) == 0;
  }
  return fits;
}

static void both_make_the_same_packets(void) {
  struct both both = both_of(key);
  unsigned wrong = 0;
  for (size_t size = 0; size <= SIZE_MAX_TESTED; size++)
    wrong += !agree(&both, size, 1 + size % HEADER_BYTES, (unsigned)(size * 37 % 64));
  for (unsigned shift = 0; shift < 64; shift++) /* the size of nearly all packets, at any address */
    wrong += !agree(&both, 1440, 13, shift);
  CU_ASSERT_EQUAL(wrong, 0);
  clear_both(&both);
}

static bool refuses_any_flip(const struct aead *aead, uint8_t *bytes, size_t count, const uint8_t *iv,
                             const uint8_t *header, const uint8_t *sealed, size_t size) {
  uint8_t out[ROOM];
  unsigned taken = 0;
  for (size_t bit = 0; bit < 8 * count; bit++) {
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    taken += aead_open(aead, iv, header, HEADER_BYTES, sealed, size, out) != ERR_UNAUTHENTIC;
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  return taken == 0 && aead_open(aead, iv, header, HEADER_BYTES, sealed, size, out) == 0;
}

static void any_flipped_bit_is_refused(void) {
  static const size_t sizes[] = {0, 1, 15, 16, 17, 255, 256, 300, 1440};
  struct both both = both_of(key);
  for (unsigned way = 0; way < 2; way++)
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
      uint8_t header[HEADER_BYTES], iv[NONCE_BYTES], sealed[ROOM];
      size_t size = sizes[i] + AEAD_TAG_BYTES;
      memcpy(iv, nonce, sizeof iv);
      fill(header, sizeof header);
      fill(sealed, sizes[i]);
      aead_seal(&both.of[way], iv, header, sizeof header, sealed, sizes[i], sealed);
      CU_ASSERT(refuses_any_flip(&both.of[way], header, sizeof header, iv, header, sealed, size));
      CU_ASSERT(refuses_any_flip(&both.of[way], iv, sizeof iv, iv, header, sealed, size));
      CU_ASSERT(refuses_any_flip(&both.of[way], sealed, size, iv, header, sealed, size));
    }
  clear_both(&both);
}

/* A page that may be used, between two that may not. */
static uint8_t *guarded_page(size_t page) {
  uint8_t *all = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CU_ASSERT_FATAL(all != MAP_FAILED && mprotect(all + page, page, PROT_READ | PROT_WRITE) == 0);
  return all + page;
}

/* What is written beside a packet would be seen by a sanitizer in C, but not in a library's assembler. */
static void no_byte_beyond_is_touched(void) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  uint8_t *in = guarded_page(page), *out = guarded_page(page), *head = guarded_page(page);
  uint8_t *iv = guarded_page(page);
  struct both both = both_of(key);
  unsigned wrong = 0;
  for (size_t size = 0; size <= SIZE_MAX_TESTED; size++)
    for (unsigned at_end = 0; at_end < 2; at_end++) {
      size_t header_size = 1 + size % HEADER_BYTES, sealed = size + AEAD_TAG_BYTES;
      const uint8_t *h = at_end ? head + page - header_size : head,
                    *n = at_end ? iv + page - NONCE_BYTES : iv;
      const uint8_t *p = at_end ? in + page - size : in;
      uint8_t *s = at_end ? out + page - sealed : out, *o = at_end ? in + page - size : in;
      memset(at_end ? out : out + sealed, 0x5a, page - sealed);
      for (unsigned way = 0; way < 2; way++) {
        aead_seal(&both.of[way], n, h, header_size, p, size, s);
        wrong += aead_open(&both.of[way], n, h, header_size, s, sealed, o) != 0;
      }
      for (size_t i = 0; i < page - sealed; i++)
        wrong += (at_end ? out : out + sealed)[i] != 0x5a;
    }
  CU_ASSERT_EQUAL(wrong, 0);
  clear_both(&both);
  munmap(in - page, 3 * page), munmap(out - page, 3 * page);
  munmap(head - page, 3 * page), munmap(iv - page, 3 * page);
}

/* ---- vectors ---- */

/* What "The Galois/Counter Mode of Operation", which SP 800-38D names, gives for AES-128, cases 1 to 4. */
static void published_vectors_hold(void) {
  static const char plain[] = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                              "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255 ";
  static const char cipher[] = "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
                               "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985 ";
  static const struct {
    const char *key, *iv, *header;
    size_t size;
    const char *plain, *cipher, *tag;
  } rows[] = {
      {"00000000000000000000000000000000", "000000000000000000000000", "", 0, "", "",
       "58e2fccefa7e3061367f1d57a4e7455a"},
      {"00000000000000000000000000000000", "000000000000000000000000", "", 16,
       "00000000000000000000000000000000", "0388dace60b6a392f328c2b971b2fe78",
       "ab6e47d42cec13bdf53a67b21257bddf"},
      {"feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "", 64, plain, cipher,
       "4d5c2af327cd64a62cf35abd2ba6fab4"},
      {"feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
       "feedfacedeadbeeffeedfacedeadbeefabaddad2", 60, plain, cipher, "5bc94fbc3221a5db94fae95ae7121a47"},
  };
  static uint8_t k[VECTOR_BYTES_MAX], iv[VECTOR_BYTES_MAX], header[VECTOR_BYTES_MAX], p[VECTOR_BYTES_MAX];
  static uint8_t expected[VECTOR_BYTES_MAX], tag[VECTOR_BYTES_MAX], out[VECTOR_BYTES_MAX];
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    size_t header_size = vector_from_hex(rows[i].header, header), size = rows[i].size;
    vector_from_hex(rows[i].key, k), vector_from_hex(rows[i].iv, iv), vector_from_hex(rows[i].plain, p);
    vector_from_hex(rows[i].cipher, expected), vector_from_hex(rows[i].tag, tag);
    struct both both = both_of(k);
    for (unsigned way = 0; way < 2; way++) {
      aead_seal(&both.of[way], iv, header, header_size, p, size, out);
      CU_ASSERT(memcmp(out, expected, size) == 0 && memcmp(out + size, tag, AEAD_TAG_BYTES) == 0);
      CU_ASSERT_EQUAL(aead_open(&both.of[way], iv, header, header_size, out, size + AEAD_TAG_BYTES, out), 0);
      CU_ASSERT_EQUAL(memcmp(out, p, size), 0);
    }
    clear_both(&both);
  }
}

static unsigned ours_checked;

/* Those of the first phase: which keys a phase has is a matter of key_phases. */
static bool ours_holds(const struct vector_line *line) {
  static uint8_t secret[VECTOR_BYTES_MAX], payload[VECTOR_BYTES_MAX], out[VECTOR_BYTES_MAX];
  uint8_t derived[GCM_KEY_BYTES], iv[NONCE_BYTES];
  if (strncmp(line->name, "aead_", 5) != 0 || vector_number(line->meaning, "phase") > 0) return true;
  if (strcmp(line->name, "aead_short") == 0) return true; /* packet_keys does not ask for that */
  bool is_refused = strstr(line->meaning, "refuse: ") != NULL, holds = true;
  uint64_t number = vector_number(line->meaning, "number");
  vector_from_hex(vector_value(line->meaning, "secret"), secret);
  hkdf_expand_label(secret, "udpcp key", derived, sizeof derived);
  hkdf_expand_label(secret, "udpcp iv", iv, sizeof iv);
  for (unsigned i = 0; i < 8; i++)
    iv[NONCE_BYTES - 1 - i] ^= (uint8_t)(number >> 8 * i);
  size_t header_size = vector_from_hex(vector_value(line->meaning, "header"), out);
  size_t sealed = line->size - header_size;
  const uint8_t *packet = line->bytes;
  struct both both = both_of(derived);
  for (unsigned way = 0; way < 2; way++) {
    int error = aead_open(&both.of[way], iv, packet, header_size, packet + header_size, sealed, out);
    holds &= (error == ERR_UNAUTHENTIC) == is_refused;
    if (is_refused) continue;
    size_t size = vector_from_hex(vector_value(line->meaning, "payload"), payload);
    holds &= sealed == size + AEAD_TAG_BYTES && memcmp(out, payload, size) == 0;
    aead_seal(&both.of[way], iv, packet, header_size, payload, size, out);
    holds &= memcmp(out, packet + header_size, sealed) == 0;
  }
  clear_both(&both);
  ours_checked++;
  return holds;
}

static void our_vectors_hold_by_both(void) {
  ours_checked = 0;
  vector_file("protection.hex", ours_holds);
  CU_ASSERT(ours_checked >= 8);
}

UNIT_MAIN(UNIT_CASE(the_fastest_is_taken), UNIT_CASE(both_make_the_same_packets),
          UNIT_CASE(any_flipped_bit_is_refused), UNIT_CASE(no_byte_beyond_is_touched),
          UNIT_CASE(published_vectors_hold), UNIT_CASE(our_vectors_hold_by_both))
