/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* One object from every hook family, so that they share maps and the kernel types are read once. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>

#include "intf.h"
#include "lib/layout.h"
#include "lib/maps.h"
#include "lib/task.h"
#include "lib/path.h"
#include "lib/cred.h"
#include "lib/net.h"

#include "prog/fork.bpf.c"
#include "prog/exec.bpf.c"
#include "prog/exit.bpf.c"
#include "prog/cred.bpf.c"
#include "prog/cgroup.bpf.c"
#include "prog/socket.bpf.c"
#include "prog/sockaddr.bpf.c"
#include "prog/packet.bpf.c"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
