/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * An operation is submitted through io_uring: no system call tells of it. It is told as it is
 * asked for, before it is done: a ring can be told to keep its results to itself. Paths have been
 * copied into the kernel by then.
 */

#define IORING_OPENAT 18
#define IORING_CONNECT 16
#define IORING_OPENAT2 28
#define IORING_RENAMEAT 35
#define IORING_UNLINKAT 36
#define IORING_MKDIRAT 37
#define IORING_SYMLINKAT 38
#define IORING_LINKAT 39
#define IORING_SOCKET 45

static __always_inline __u16 uring_text(__u64 from, __s32 dir, struct call_scratch *scratch,
					__u32 base_flag, __u16 *base_len)
{
	__u16 text = call_text(from, 1);
	int len;

	if (!scratch->relative)
		return text;
	len = call_base(dir);
	if (len >= 0) {
		*base_len = len;
		scratch->record.flags |= base_flag;
	}
	return text;
}

static __always_inline void uring_path(struct call_scratch *scratch, __s32 dir,
				       struct filename *name)
{
	scratch->record.path_len = uring_text((__u64)BPF_CORE_READ(name, name), dir, scratch,
					      RP_CALL_BASE, &scratch->record.base_len);
}

static __always_inline void uring_other(struct call_scratch *scratch, __s32 dir,
					struct filename *name)
{
	scratch->record.other_len = uring_text((__u64)BPF_CORE_READ(name, name), dir, scratch,
					       RP_CALL_OTHER_BASE,
					       &scratch->record.other_base_len);
}

static __always_inline void uring_open(struct call_scratch *scratch, struct io_open *open)
{
	__u64 *args = scratch->record.args;

	args[0] = BPF_CORE_READ(open, dfd);
	args[2] = BPF_CORE_READ(open, how.flags);
	args[3] = BPF_CORE_READ(open, how.mode);
	uring_path(scratch, args[0], BPF_CORE_READ(open, filename));
}

static __always_inline void uring_rename(struct call_scratch *scratch, struct io_rename *rename)
{
	__u64 *args = scratch->record.args;

	args[0] = BPF_CORE_READ(rename, old_dfd);
	args[2] = BPF_CORE_READ(rename, new_dfd);
	args[4] = BPF_CORE_READ(rename, flags);
	uring_path(scratch, args[0], BPF_CORE_READ(rename, oldpath));
	uring_other(scratch, args[2], BPF_CORE_READ(rename, newpath));
}

static __always_inline void uring_link(struct call_scratch *scratch, struct io_link *link)
{
	__u64 *args = scratch->record.args;

	args[0] = BPF_CORE_READ(link, old_dfd);
	args[2] = BPF_CORE_READ(link, new_dfd);
	args[4] = BPF_CORE_READ(link, flags);
	uring_path(scratch, args[0], BPF_CORE_READ(link, oldpath));
	uring_other(scratch, args[2], BPF_CORE_READ(link, newpath));
}

static __always_inline void uring_symlink(struct call_scratch *scratch, struct io_link *link)
{
	struct filename *target = BPF_CORE_READ(link, oldpath);

	scratch->record.args[1] = BPF_CORE_READ(link, new_dfd);
	scratch->record.path_len = call_text((__u64)BPF_CORE_READ(target, name), 1);
	uring_other(scratch, scratch->record.args[1], BPF_CORE_READ(link, newpath));
}

static __always_inline void uring_connect(struct call_scratch *scratch, struct io_kiocb *req,
					  struct io_connect *connect)
{
	__s32 fd = BPF_CORE_READ(req, cqe.fd);

	scratch->record.args[0] = fd;
	scratch->record.args[2] = BPF_CORE_READ(connect, addr_len);
	if (call_fd(fd, 0))
		scratch->record.fd_path_len = call_append();
	call_address((__u64)BPF_CORE_READ(connect, addr), scratch->record.args[2]);
}

__noinline int uring_fill(__u32 operation)
{
	struct call_scratch *scratch = call_memory();
	__u64 *args;
	void *asked;

	if (!scratch)
		return 0;
	asked = (void *)scratch->request;
	args = scratch->record.args;
	switch (operation) {
	case IORING_OPENAT:
	case IORING_OPENAT2:
		uring_open(scratch, asked);
		break;
	case IORING_RENAMEAT:
		uring_rename(scratch, asked);
		break;
	case IORING_LINKAT:
		uring_link(scratch, asked);
		break;
	case IORING_SYMLINKAT:
		uring_symlink(scratch, asked);
		break;
	case IORING_UNLINKAT:
		args[0] = BPF_CORE_READ((struct io_unlink *)asked, dfd);
		args[2] = BPF_CORE_READ((struct io_unlink *)asked, flags);
		uring_path(scratch, args[0], BPF_CORE_READ((struct io_unlink *)asked, filename));
		break;
	case IORING_MKDIRAT:
		args[0] = BPF_CORE_READ((struct io_mkdir *)asked, dfd);
		args[2] = BPF_CORE_READ((struct io_mkdir *)asked, mode);
		uring_path(scratch, args[0], BPF_CORE_READ((struct io_mkdir *)asked, filename));
		break;
	case IORING_CONNECT:
		uring_connect(scratch, asked, asked);
		break;
	case IORING_SOCKET:
		args[0] = BPF_CORE_READ((struct io_socket *)asked, domain);
		args[1] = BPF_CORE_READ((struct io_socket *)asked, type);
		args[2] = BPF_CORE_READ((struct io_socket *)asked, protocol);
		break;
	default:
		return 0;
	}
	return 1;
}

static __always_inline int uring_submitted(struct io_kiocb *req)
{
	__u32 label = 0, operation = req->opcode, index = RP_CALLS_URING + operation;
	struct rp_call_spec *spec = bpf_map_lookup_elem(&call_table, &index);
	struct call_scratch *scratch;

	if (!spec || !spec->call || !call_wanted(&label))
		return 0;
	scratch = call_memory();
	if (!scratch)
		return 0;
	call_begin(scratch, spec->call, RP_VIA_URING);
	scratch->request = (__u64)req;
	if (uring_fill(operation))
		call_send(scratch, label, spec->flags & RP_SPEC_CRITICAL);
	return 0;
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(call_uring, struct io_kiocb *req)
{
	return uring_submitted(req);
}

/* The name before kernel 6.4. */
SEC("tp_btf/io_uring_submit_sqe")
int BPF_PROG(call_uring_sqe, struct io_kiocb *req)
{
	return uring_submitted(req);
}
