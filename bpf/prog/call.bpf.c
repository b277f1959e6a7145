/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A system call returned. One program for all of them, attached only while somebody asks: the
 * first thing it does is to look the number up. Registers still hold the arguments.
 */

#define TS_COMPAT_ 2
#define X32_BIT 0x40000000
#define NR_SOCKETCALL 102
#define EINPROGRESS_ 115
#define MAX_ERRNO 4095
/* Errors that user space never sees: the call begins again. */
#define FIRST_RESTART 512
#define LAST_RESTART 516
#define F_DUPFD_ 0
#define F_DUPFD_CLOEXEC_ 1030
/* CLONE_NEW*. */
#define NEW_NAMESPACES 0x7e020080ULL
#define WORDS 6

/* Into the record, not on the stack: on 6.1 the calls below use nearly all of its 512 bytes. */
static __always_inline void native_arguments(struct rp_call *record, struct pt_regs *regs)
{
	record->args[0] = regs->di;
	record->args[1] = regs->si;
	record->args[2] = regs->dx;
	record->args[3] = regs->r10;
	record->args[4] = regs->r8;
	record->args[5] = regs->r9;
}

static __always_inline void compat_arguments(struct rp_call *record, struct pt_regs *regs)
{
	record->args[0] = (__u32)regs->bx;
	record->args[1] = (__u32)regs->cx;
	record->args[2] = (__u32)regs->dx;
	record->args[3] = (__u32)regs->si;
	record->args[4] = (__u32)regs->di;
	record->args[5] = (__u32)regs->bp;
}

static __noinline int socketcall_arguments(struct rp_call *record)
{
	__u32 words[WORDS] = {};
	int i;

	/* Too few to read six of them at the end of a page: four is what most take. */
	if (bpf_probe_read_user(words, sizeof(words), (void *)record->args[1]))
		bpf_probe_read_user(words, 12, (void *)record->args[1]);
	for (i = 0; i < WORDS; i++)
		record->args[i] = words[i];
	return 0;
}

static __always_inline __u64 argument(struct rp_call *record, __u8 which)
{
	__u64 index = which;

	barrier_var(index);
	return index < WORDS ? record->args[index] : 0;
}

static __always_inline __s32 descriptor(struct rp_call *record, __u8 which)
{
	return which == RP_ARG_RESULT ? record->result : argument(record, which);
}

static __always_inline __s32 directory(struct rp_call *record, __u8 which)
{
	return which == RP_ARG_CWD ? AT_FDCWD_ : (__s32)argument(record, which);
}

/* Where a message says it comes from or goes to. */
static __always_inline void message_address(struct rp_call *record, __u64 from)
{
	__u64 name = 0;
	__u32 len = 0, name32 = 0;

	if (record->via == RP_VIA_COMPAT) {
		bpf_probe_read_user(&name32, 4, (void *)from);
		bpf_probe_read_user(&len, 4, (void *)from + 4);
		name = name32;
	} else {
		bpf_probe_read_user(&name, 8, (void *)from);
		bpf_probe_read_user(&len, 4, (void *)from + 8);
	}
	call_address(name, len);
}

/* Appends the address the call was given, as its shape has it; false: nothing worth telling. */
static __noinline bool take_address(struct call_scratch *scratch, struct rp_call_spec *spec)
{
	struct rp_call *record = &scratch->record;
	__u64 from = argument(record, spec->address_arg);
	__u32 len = argument(record, spec->address_arg + 1);
	__u64 used = scratch->used;
	struct rp_call_seen key = {};

	if (spec->shape == RP_SHAPE_MESSAGE) {
		message_address(record, from);
	} else if (spec->shape == RP_SHAPE_RECEIVE) {
		if (len) {
			__u64 at = argument(record, spec->address_arg + 1);

			len = 0;
			bpf_probe_read_user(&len, 4, (void *)at);
		}
		call_address(from, len);
	} else {
		call_address(from, len);
	}
	if (spec->shape == RP_SHAPE_ADDRESS)
		return true;
	barrier_var(used);
	if (!record->address_len || used > RP_CALL_DATA - RP_CALL_ADDRESS)
		return record->flags & RP_CALL_CUT;
	/* Longer ones are names of unix sockets: the key does not hold them. */
	if (record->address_len > 28)
		return true;
	bpf_probe_read_kernel(key.what, 28, &record->data[used]);
	if (record->address_len <= 16)
		key.what[2] = key.what[3] = 0;
	key.kind = spec->call << 16 | (record->fd & 0xffff);
	/* Queries of names are counted by whoever looks for tunnels. */
	if (spec->shape != RP_SHAPE_RECEIVE && (__u16)(key.what[0] >> 16) == bpf_htons(53))
		return true;
	return call_is_news(&key);
}

/* Flags that are in memory take their place among the arguments; false: not told. */
static __always_inline bool shape_is_told(struct rp_call *record, __u8 shape)
{
	__u64 how[2] = {}, flags = 0;

	switch (shape) {
	case RP_SHAPE_OPEN_HOW:
		if (bpf_probe_read_user(how, sizeof(how), (void *)record->args[2]))
			record->flags |= RP_CALL_CUT;
		record->args[2] = how[0];
		record->args[3] = how[1];
		return true;
	case RP_SHAPE_FCNTL:
		return record->args[1] == F_DUPFD_ || record->args[1] == F_DUPFD_CLOEXEC_;
	case RP_SHAPE_CLONE3:
		if (bpf_probe_read_user(&flags, sizeof(flags), (void *)record->args[0]))
			record->flags |= RP_CALL_CUT;
		record->args[0] = flags;
		return (flags & NEW_NAMESPACES) && record->result;
	case RP_SHAPE_CLONE:
		/* The low byte of clone's flags is a signal, of which CLONE_NEWTIME is no part. */
		return (record->args[0] & NEW_NAMESPACES & ~0xffULL) && record->result;
	}
	return true;
}

static __always_inline void take_path(struct call_scratch *scratch, struct rp_call_spec *spec)
{
	struct rp_call *record = &scratch->record;
	int len;

	record->path_len = call_text(argument(record, spec->path_arg), 0);
	/* What was opened says where it is; the text only how it was asked for. */
	if (spec->dir_arg == RP_ARG_NONE || !scratch->relative || record->flags & RP_CALL_RESOLVED)
		return;
	len = call_base(directory(record, spec->dir_arg));
	if (len >= 0) {
		record->base_len = len;
		record->flags |= RP_CALL_BASE;
	}
}

static __always_inline void take_other(struct call_scratch *scratch, struct rp_call_spec *spec)
{
	struct rp_call *record = &scratch->record;
	int len;

	record->other_len = call_text(argument(record, spec->other_arg), 0);
	if (spec->other_dir_arg == RP_ARG_NONE || !scratch->relative)
		return;
	len = call_base(directory(record, spec->other_dir_arg));
	if (len >= 0) {
		record->other_base_len = len;
		record->flags |= RP_CALL_OTHER_BASE;
	}
}

/* Number and arguments are in the record; 1: the rest is, too, and is to be told. */
__noinline int call_fill(__u32 index)
{
	struct rp_call_spec *spec = bpf_map_lookup_elem(&call_table, &index);
	struct call_scratch *scratch = call_memory();
	struct rp_call *record;
	__s64 result;
	bool opens;

	if (!scratch || !spec)
		return 0;
	record = &scratch->record;
	if (!shape_is_told(record, spec->shape))
		return 0;
	result = record->result;
	opens = spec->shape == RP_SHAPE_OPEN || spec->shape == RP_SHAPE_OPEN_HOW;
	if (opens && result >= 0) {
		/* An open by handle is rare, and told whatever it opened. */
		if (!call_opened(result) && spec->path_arg < WORDS)
			return 0;
		record->fd_path_len = record->flags & RP_CALL_RESOLVED ? call_append() : 0;
	} else if (spec->fd_arg < WORDS || (spec->fd_arg == RP_ARG_RESULT && result >= 0)) {
		if (call_fd(descriptor(record, spec->fd_arg), 0))
			record->fd_path_len = call_append();
	}
	if (spec->path_arg < WORDS)
		take_path(scratch, spec);
	if (spec->other_arg < WORDS)
		take_other(scratch, spec);
	if (spec->address_arg < WORDS)
		return take_address(scratch, spec);
	return 1;
}

static __always_inline bool result_is_told(long result, struct rp_call_spec *spec)
{
	bool failed = result < 0 && result >= -MAX_ERRNO;

	if (!failed)
		return !(spec->flags & RP_SPEC_ONLY_FAILED);
	if (result == -EINPROGRESS_ && (spec->flags & RP_SPEC_PENDING))
		return true;
	if (result <= -FIRST_RESTART && result >= -LAST_RESTART)
		return false;
	return spec->flags & RP_SPEC_FAILED;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(call_exit, struct pt_regs *regs, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	bool compat = task->thread_info.status & TS_COMPAT_;
	__u32 label = 0, index = (__u32)regs->orig_ax & ~X32_BIT;
	struct call_scratch *scratch;
	struct rp_call_spec *spec;

	if (index >= RP_CALLS_COMPAT)
		return 0;
	if (compat) {
		__u32 kind = regs->bx;

		if (index == NR_SOCKETCALL)
			index = kind < RP_CALLS_URING - RP_CALLS_SOCKET ? RP_CALLS_SOCKET + kind : 0;
		else
			index += RP_CALLS_COMPAT;
	}
	spec = bpf_map_lookup_elem(&call_table, &index);
	if (!spec || !spec->call || !result_is_told(result, spec) || !call_wanted(&label))
		return 0;
	scratch = call_memory();
	if (!scratch)
		return 0;
	call_begin(scratch, spec->call, compat ? RP_VIA_COMPAT : RP_VIA_NATIVE);
	if (compat)
		compat_arguments(&scratch->record, regs);
	else
		native_arguments(&scratch->record, regs);
	if (index >= RP_CALLS_SOCKET)
		socketcall_arguments(&scratch->record);
	scratch->record.result = result;
	if (call_fill(index))
		call_send(scratch, label, spec->flags & RP_SPEC_CRITICAL);
	return 0;
}
