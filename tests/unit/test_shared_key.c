/* shared_key: one spelling of one key and no other, base64 against values of another implementation, and the
 * file around it. */
#include "unit.h"

#include "scratch.h"

#include "crypto/key_files.h"
#include "crypto/key_text.h"

#define ASCENDING "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define ONES "//////////////////////////////////////////8="
#define ZEROS "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static int parse(const char *text, struct shared_key *key) {
  return shared_key_parse(text, strlen(text), key);
}

static void known_values(void) {
  struct shared_key key, ascending, ones;
  char text[SHARED_KEY_FILE_BYTES];
  for (unsigned i = 0; i < KEY_BYTES; i++)
    ascending.bytes[i] = (uint8_t)i;
  memset(&ones, 0xff, sizeof(ones));
  CU_ASSERT_EQUAL(parse("udpcp-key-1 " ASCENDING "\n", &key), 0);
  CU_ASSERT_EQUAL(memcmp(&key, &ascending, sizeof(key)), 0);
  CU_ASSERT_EQUAL(parse("udpcp-key-1 " ONES "\n", &key), 0);
  CU_ASSERT_EQUAL(memcmp(&key, &ones, sizeof(key)), 0);
  shared_key_format(&ascending, text);
  CU_ASSERT_EQUAL(memcmp(text, "udpcp-key-1 " ASCENDING "\n", sizeof(text)), 0);
  shared_key_format(&ones, text);
  CU_ASSERT_EQUAL(memcmp(text, "udpcp-key-1 " ONES "\n", sizeof(text)), 0);
}

static void line_ends(void) {
  struct shared_key key;
  CU_ASSERT_EQUAL(parse("udpcp-key-1 " ZEROS, &key), 0);
  CU_ASSERT_EQUAL(parse("udpcp-key-1 " ZEROS "\r\n", &key), 0);
  CU_ASSERT_EQUAL(parse("udpcp-key-1 " ZEROS "\n\n", &key), ERR_MALFORMED);
  CU_ASSERT_EQUAL(parse("udpcp-key-1 " ZEROS "\n\r\n", &key), ERR_MALFORMED);
  CU_ASSERT_EQUAL(parse("udpcp-key-1 " ZEROS "\r\r\n", &key), ERR_MALFORMED);
  CU_ASSERT_EQUAL(parse("\nudpcp-key-1 " ZEROS "\n", &key), ERR_MALFORMED);
  CU_ASSERT_EQUAL(shared_key_parse("udpcp-key-1 " ZEROS "\n", SHARED_KEY_FILE_BYTES + 1, &key),
                  ERR_MALFORMED); /* a NUL behind it */
}

static void refuses_every_other_text(void) {
  static const char *const texts[] = {
      "",
      "\n",
      ZEROS "\n",
      "udpcp-key-1\n",
      "udpcp-key-1 \n",
      "udpcp-key-1" ZEROS "\n",
      "udpcp-key-2 " ZEROS "\n",
      "UDPCP-KEY-1 " ZEROS "\n",
      " udpcp-key-1 " ZEROS "\n",
      "udpcp-key-1  " ZEROS "\n",
      "udpcp-key-1\t" ZEROS "\n",
      "udpcp-key-1 " ZEROS " \n",
      "udpcp-key-1 " ZEROS " mine\n",
      "udpcp-key-1 " ZEROS "\nudpcp-key-1 " ZEROS "\n",
      "udpcp-key-1 A" ZEROS "\n",
      "# mine\nudpcp-key-1 " ZEROS "\n",
      "udpcp-key-1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n",        /* no padding */
      "udpcp-key-1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh==\n",       /* 31 bytes */
      "udpcp-key-1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g\n",       /* 33 bytes */
      "udpcp-key-1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=\n",       /* bits that carry nothing */
      "udpcp-key-1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh+=\n",       /* the same */
      "udpcp-key-1 AAECAwQFBgcICQoLDA0ODxAREhM=FRYXGBkaGxwdHh8=\n",       /* padding inside */
      "udpcp-key-1 AAECAwQFBgcICQoLDA0ODxAREhM FRYXGBkaGxwdHh8=\n",       /* a gap */
      "udpcp-key-1 __________________________________________8=\n",       /* the alphabet for URLs */
      "udpcp-key-1 \xff\xff\xffpcpcpcpcpcpcpcpcpcpcpcpcpcpcpcpcpcpcp=\n", /* beyond ASCII */
  };
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
    struct shared_key key;
    int error = parse(texts[i], &key);
    CU_ASSERT_EQUAL(error, ERR_MALFORMED);
    if (error != ERR_MALFORMED) printf("taken: %s", texts[i]);
  }
}

/* Of every change of one character only another character of the alphabet is another key. */
static void every_character_counts(void) {
  static const char good[] = "udpcp-key-1 " ASCENDING "\n";
  struct shared_key key, same;
  char text[sizeof(good)];
  unsigned keys = 0, equal = 0;
  CU_ASSERT_EQUAL(parse(good, &same), 0);
  for (size_t at = 0; at < SHARED_KEY_FILE_BYTES; at++) {
    for (unsigned c = 0; c < 256; c++) {
      memcpy(text, good, sizeof(good));
      text[at] = (char)c;
      if (c == (unsigned char)good[at] || shared_key_parse(text, SHARED_KEY_FILE_BYTES, &key) < 0) continue;
      keys++;
      equal += memcmp(&key, &same, sizeof(key)) == 0;
    }
  }
  CU_ASSERT_EQUAL(keys, 42 * 63 + 15);
  CU_ASSERT_EQUAL(equal, 0);
}

static void makes_a_file(void) {
  struct shared_key key, other;
  struct stat found;
  scratch_enter();
  CU_ASSERT_EQUAL(shared_key_make("key"), 0);
  CU_ASSERT_EQUAL(shared_key_make("other"), 0);
  CU_ASSERT_EQUAL(shared_key_make("key"), ERR_EXISTS);
  CU_ASSERT_EQUAL(shared_key_make("no-folder/key"), ERR_NOT_FOUND);
  CU_ASSERT_EQUAL(shared_key_read("key", &key), 0);
  CU_ASSERT_EQUAL(shared_key_read("other", &other), 0);
  CU_ASSERT_NOT_EQUAL(memcmp(&key, &other, sizeof(key)), 0);
  CU_ASSERT(stat("key", &found) == 0 && (found.st_mode & 07777) == 0600 &&
            found.st_size == SHARED_KEY_FILE_BYTES);
  scratch_leave();
}

static void reads_no_other_file(void) {
  struct shared_key key;
  scratch_enter();
  scratch_write("key", "udpcp-key-1 " ZEROS "\n");
  CU_ASSERT_EQUAL(shared_key_read("key", &key), ERR_EXPOSED); /* 0644 */
  assert(chmod("key", 0640) == 0);
  CU_ASSERT_EQUAL(shared_key_read("key", &key), ERR_EXPOSED);
  assert(chmod("key", 0600) == 0);
  CU_ASSERT_EQUAL(shared_key_read("key", &key), 0);
  assert(symlink("key", "link") == 0);
  CU_ASSERT_EQUAL(shared_key_read("link", &key), ERR_BAD_NAME);
  CU_ASSERT_EQUAL(shared_key_read("none", &key), ERR_NOT_FOUND);
  scratch_write("key", "");
  CU_ASSERT_EQUAL(shared_key_read("key", &key), ERR_MALFORMED);
  scratch_leave();
}

UNIT_MAIN(UNIT_CASE(known_values), UNIT_CASE(line_ends), UNIT_CASE(refuses_every_other_text),
          UNIT_CASE(every_character_counts), UNIT_CASE(makes_a_file), UNIT_CASE(reads_no_other_file))
