# `make` builds build/udpcp, `make help` lists everything else.
#
# Each configuration has its own folder: build/gcc (the default), and clang, asan, tsan, fuzz beside it.
# `make CONFIG=asan tests` builds in another one; `make V=1` shows the commands. What is missing on this
# machine is named and installed by tools/deps before anything needs it.

CONFIG  ?= gcc
B       := build/$(CONFIG)
TOP     := $(if $(filter gcc,$(CONFIG)),build,$(B))
PREFIX  ?= /usr/local
DESTDIR ?=
MAN     := $(wildcard man/*.1)
SEEDS   ?= 100000
WERROR  ?= -Werror
FUZZ_SECONDS ?= 60

# --- how each configuration compiles ---------------------------------------------------------------------
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
HARDEN   := -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
SANITIZE := -fno-sanitize-recover=all -fno-omit-frame-pointer
DEPS     := build

ifeq ($(CONFIG),gcc)
  CC := gcc
  CFLAGS := -O2 $(WERROR) $(HARDEN)
else ifeq ($(CONFIG),clang)
  CC := clang
  CFLAGS := -O2 $(WERROR) $(HARDEN)
  DEPS := check
else ifeq ($(CONFIG),asan) # no -Werror: gcc's flow warnings err under instrumentation, two builds check them
  CC := gcc
  CFLAGS := -O1 -fsanitize=address,undefined $(SANITIZE)
else ifeq ($(CONFIG),tsan)
  CC := gcc
  CFLAGS := -O1 -fsanitize=thread $(SANITIZE)
else ifeq ($(CONFIG),fuzz)
  CC := clang
  CFLAGS := -O1 -fsanitize=fuzzer-no-link,address,undefined $(SANITIZE)
  DEPS := fuzz
else
  $(error CONFIG=$(CONFIG) is not one of gcc clang asan tsan fuzz)
endif

CPPFLAGS := -D_GNU_SOURCE -Iinclude -Isrc
CFLAGS   += -std=c17 -g -fPIE $(WARN) $(EXTRA_CFLAGS)
LDFLAGS  := -pie -Wl,-z,relro,-z,now -Wl,--as-needed
# libipsec-mb is where the machine has it (src/crypto/wide_gcm.c): asked for when linking, after tools/deps.
LDLIBS    = -lxxhash -lgnutls -lseccomp -ljansson -lpthread $(IPSEC_MB) # their headers: tools/deps
IPSEC_MB  = $(filter /%,$(shell $(CC) -print-file-name=libIPSec_MB.so))

# --- what is built ---------------------------------------------------------------------------------------
objects  = $(patsubst %.c,$(B)/%.o,$(wildcard $(1)))
LIB     := $(B)/libudpcp.a
LIB_OBJ := $(filter-out $(B)/src/cli/%,$(call objects,src/*/*.c))
CLI_OBJ := $(call objects,src/cli/*.c)
CLI_LIB := $(B)/libcli.a
UNIT    := $(patsubst tests/unit/%.c,$(B)/%,$(wildcard tests/unit/test_*.c))
FUZZ    := $(patsubst tests/fuzz/%.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))
E2E     := $(patsubst tests/e2e/%.c,$(B)/e2e/%,$(wildcard tests/e2e/*.c))
SIM_OBJ := $(call objects,tests/sim/*.c)
SIM     := $(if $(SIM_OBJ),$(TOP)/sim)
PATHS_OBJ := $(call objects,tests/paths/*.c)
PATHS   := $(if $(PATHS_OBJ),$(TOP)/paths)
NETLAB_OBJ := $(call objects,tools/netlab/*.c)
NETLAB  := $(if $(NETLAB_OBJ),$(TOP)/netlab)
INSN_OBJ := $(call objects,tests/insn/*.c)
INSN    := $(if $(INSN_OBJ),$(TOP)/insn)
LINK_OBJ := $(addprefix $(B)/tools/netlab/,flows.o link.o packet.o)
BENCH_OBJ := $(call objects,tools/bench_speed/*.c)
BENCH   := $(patsubst $(B)/tools/bench_speed/%.o,$(B)/bench_%,$(BENCH_OBJ))
PLAIN_OBJ := $(call objects,tests/plain/*.c)
TEST_OBJ := $(call objects,tests/*/*.c) $(NETLAB_OBJ) $(BENCH_OBJ)
SCRIPTS := $(notdir $(wildcard tools/demo tools/bench tools/bench-paths tools/faults))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all deps tests check check-quick sim-long paths bench-insn fuzz bench-memory $(SCRIPTS) install uninstall clean format help \
        deps-build deps-check deps-fuzz fuzz-run $(SCRIPTS:%=deps-%)

all: $(TOP)/udpcp ## build the program (default): build/udpcp

tests: all $(UNIT) $(SIM) $(PATHS) $(INSN) $(NETLAB) $(FUZZ) $(E2E) $(BENCH) ## build every test program without running any

$(B)/udpcp: $(CLI_OBJ) $(LIB)
$(UNIT): $(B)/%: $(B)/tests/unit/%.o $(PLAIN_OBJ) $(CLI_LIB) $(LIB)
$(UNIT): LDLIBS += -lcunit
$(B)/sim $(B)/paths $(filter $(B)/test_netlab_%,$(UNIT)): $(LINK_OBJ) # the emulated link, used as a library
$(E2E): $(B)/e2e/%: $(B)/tests/e2e/%.o $(LIB) # peers that break rules, for the end-to-end tests
$(B)/e2e/divided: $(CLI_OBJ) # but this one: the whole program, with calls replaced
$(B)/e2e/divided: LDFLAGS += -Wl,--wrap=gain_wants,--wrap=conn_new,--wrap=crew_run
$(B)/sim: $(SIM_OBJ) $(PLAIN_OBJ) $(LIB)
$(B)/paths: $(PATHS_OBJ) $(PLAIN_OBJ) $(LIB)
$(B)/paths: LDLIBS += -lm
$(B)/insn: $(INSN_OBJ) $(CLI_LIB) $(LIB)
$(B)/netlab: $(NETLAB_OBJ) $(LIB)
$(BENCH): $(B)/bench_%: $(B)/tools/bench_speed/%.o
$(filter-out %/bench_run,$(BENCH)): $(CLI_OBJ) $(LIB) # the whole program, with one thing replaced
$(B)/bench_memory: LDFLAGS += -Wl,--wrap=bind_source_ops,--wrap=bind_sink_ops
$(B)/bench_no_offload: LDFLAGS += -Wl,--wrap=udp_open
$(FUZZ): $(B)/%: $(B)/tests/fuzz/%.o $(PLAIN_OBJ) $(CLI_LIB) $(LIB)
ifeq ($(CONFIG),fuzz)
  $(FUZZ): LDFLAGS += -fsanitize=fuzzer
else # elsewhere a fuzz target only replays the files it is given
  $(FUZZ): $(B)/tests/fuzz/replay.o
endif

# --- how: one rule a step --------------------------------------------------------------------------------
Q    := $(if $(V),,@)
say   = $(if $(V),,@printf '%-4s %s\n' $(1) $(2))

$(B)/udpcp $(B)/sim $(B)/paths $(B)/insn $(B)/netlab $(UNIT) $(FUZZ) $(E2E) $(BENCH):
	$(Q)mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS)

build/udpcp build/sim build/paths build/insn build/netlab: build/%: build/gcc/%
	$(Q)ln -f $< $@

$(LIB): $(LIB_OBJ)
$(CLI_LIB): $(filter-out %/main.o,$(CLI_OBJ)) # for the unit tests of the command line alone
$(LIB) $(CLI_LIB): $(wildcard src/*) # the folders too: a source that went away must leave the library
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $(filter %.o,$^)

$(B)/%.o: %.c Makefile | deps-$(DEPS)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(TEST_OBJ): CPPFLAGS += -Itools -Itests
$(TEST_OBJ): | deps-check

-include $(wildcard $(patsubst %.o,%.d,$(LIB_OBJ) $(CLI_OBJ) $(TEST_OBJ)))

# --- what is run -----------------------------------------------------------------------------------------
# tools/deps runs once: whoever starts another make after it exports DEPS_DONE=1.
deps-build deps-check deps-fuzz $(SCRIPTS:%=deps-%): deps-%:
	@$(if $(DEPS_DONE),:,tools/deps $*)
deps-check deps-fuzz: deps-build # one at a time: two would fight for the package database

deps: ## install whatever is missing on this machine for any of these targets
	@tools/deps all

check: ## the whole gate: builds, tidy, format, unit, sanitizers, simulations, end to end
	@tools/deps check && DEPS_DONE=1 tools/check

check-quick: ## tidy, format and the unit tests only
	@tools/deps check && DEPS_DONE=1 tools/check --quick

sim-long: $(SIM) $(PATHS) ## simulate SEEDS=n networks (default 100000), and a transfer of over 12 GB
	$(PATHS) --long
	$(SIM) --seeds $(SEEDS)

paths: $(PATHS) ## run the catalogue of paths and print each flow's share, queue, loss and fairness
	$(PATHS) --figures

bench-insn: deps-check $(INSN) ## count the instructions a packet costs at either end, by callgrind
	@tools/bench-insn

fuzz: ## fuzz every target of tests/fuzz for FUZZ_SECONDS=n each (default 60)
	@tools/deps fuzz && DEPS_DONE=1 $(MAKE) --no-print-directory CONFIG=fuzz fuzz-run

fuzz-run: $(FUZZ)
	@for f in $(notdir $(FUZZ)); do echo "fuzz $$f: $(FUZZ_SECONDS) s"; mkdir -p $(B)/corpus/$$f; \
	  $(B)/$$f -max_total_time=$(FUZZ_SECONDS) -verbosity=0 -print_final_stats=1 -artifact_prefix=$(B)/$$f- \
	    $(B)/corpus/$$f tests/fuzz/corpus/$$f || exit 1; done

$(SCRIPTS): %: deps-% all $(NETLAB)
	@tools/$*
bench: $(BENCH)

bench-memory: deps-bench all $(BENCH) ## the part of bench without disks: memory to memory, beside iperf3
	@ONLY=memory tools/bench

install: all ## install under PREFIX (default /usr/local), below DESTDIR when given
	install -D -m 755 $(TOP)/udpcp $(DESTDIR)$(PREFIX)/bin/udpcp
	install -D -m 755 tools/trace-page $(DESTDIR)$(PREFIX)/bin/udpcp-trace-page
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/udpcp/trace_page tools/trace_page/*.py
	install -D -m 644 $(LIB) $(DESTDIR)$(PREFIX)/lib/libudpcp.a
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/include/udpcp include/udpcp/*.h
	$(if $(MAN),install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 $(MAN))

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/udpcp $(DESTDIR)$(PREFIX)/bin/udpcp-trace-page
	rm -f $(DESTDIR)$(PREFIX)/lib/libudpcp.a
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/share/man/man1/,$(notdir $(MAN)))
	rm -rf $(DESTDIR)$(PREFIX)/include/udpcp $(DESTDIR)$(PREFIX)/share/udpcp

clean: ## remove everything that was built
	rm -rf build

format: ## rewrite every .c and .h in the house style
	@tools/deps check && tools/style --fix

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile
	@for s in $(SCRIPTS); do printf '  %-12s %s\n' $$s "$$(sed -n '2s/^# *//p' tools/$$s)"; done
