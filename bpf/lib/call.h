/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What is told of a system call. The record is put together in memory of the CPU; functions below
 * are verified once each, whoever calls them, so they take numbers and find the memory themselves.
 */
#ifndef RAMPART_CALL_H
#define RAMPART_CALL_H

#define AT_FDCWD_ (-100)
#define S_IFSOCK_ 0140000
#define S_IFREG_ 0100000
#define S_IFBLK_ 0060000
#define S_IFDIR_ 0040000
#define S_IFCHR_ 0020000
#define S_IFIFO_ 0010000
#define PIPEFS_MAGIC_ 0x50495045
#define AF_UNIX_ 1
#define AF_INET6__ 10
#define FMODE_CREATED_ 0x100000
#define O_CREAT_ 0100
#define O_WRITES_ (03 | 01000)
/* The memory devices that programs read and write all the time: null, zero, full. */
#define MEMORY_MAJOR 1
#define DEV_NULL 3
#define DEV_ZERO 5
#define DEV_FULL 7
/* The same call on the same object is told once in this time. */
#define REPEAT_NS 1000000000ULL
/* Of one label in a second; beyond it they go to the ordinary ring. */
#define CRITICAL_CALLS 2000

struct call_scratch {
	struct rp_call record;
	struct path_buffer path;
	struct rp_call_prefix prefix;
	/* Bytes of `record.data` in use. */
	__u64 used;
	/* Of io_uring. */
	__u64 request;
	/* Of the last path that was walked or read. */
	__u32 begins;
	__u8 relative;
	__u8 matched;
	__u8 pad[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct call_scratch);
} call_scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RP_CALLS);
	__type(key, __u32);
	__type(value, struct rp_call_spec);
} call_table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rp_call_config);
} call_config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct rp_call_prefix);
	__type(value, __u32);
} call_prefixes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct rp_call_name);
	__type(value, __u32);
} call_names SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct rp_call_seen);
	__type(value, __u64);
} call_seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct rp_call_rate);
} call_rate SEC(".maps");

static __always_inline struct call_scratch *call_memory(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&call_scratch, &zero);
}

/* Longer names are not in the map. */
static __always_inline __u8 match_name(const struct qstr *name, __u32 len)
{
	struct rp_call_name key = {};
	__u32 *found;

	if (len == 0 || len >= RP_CALL_NAME ||
	    bpf_probe_read_kernel(key.name, len & (RP_CALL_NAME - 1), name->name))
		return 0;
	found = bpf_map_lookup_elem(&call_names, &key);
	return found ? *found : 0;
}

static __always_inline struct file *file_of(__s32 fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **slots, *file = 0;

	if (fd < 0 || (__u32)fd >= BPF_CORE_READ(table, max_fds))
		return 0;
	slots = BPF_CORE_READ(table, fd);
	bpf_probe_read_kernel(&file, sizeof(file), slots + fd);
	return file;
}

struct match_walk {
	/* First: the step of a walk takes it for one. */
	struct path_walk path;
	__u8 last;
	__u8 any;
};

/* A step whose component is looked up, once the walk has written it. */
static long match_step(__u64 i, struct match_walk *walk)
{
	struct dentry *dentry = walk->path.dentry;
	__u32 at = walk->path.at;
	long end = path_step(i, &walk->path);
	struct qstr name;
	__u8 found;

	if (walk->path.at == at)
		return end;
	bpf_core_read(&name, sizeof(name), &dentry->d_name);
	found = match_name(&name, name.len);
	if (at == RP_PATH)
		walk->last = found;
	walk->any |= found;
	return end;
}

static __always_inline __u32 walk_matching(struct call_scratch *scratch, struct vfsmount *mnt,
					   struct dentry *dentry, bool *complete)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct match_walk walk = {
		.path = {
			.dentry = dentry,
			.mount = mount_of(mnt),
			.root = BPF_CORE_READ(task, fs, root.dentry),
			.root_mount = BPF_CORE_READ(task, fs, root.mnt),
			.buffer = &scratch->path,
			.at = RP_PATH,
		},
	};

	bpf_loop(PATH_STEPS, match_step, &walk, 0);
	*complete = walk.path.done;
	scratch->matched = (walk.last & RP_MATCH_NAME) | (walk.any & RP_MATCH_COMPONENT);
	return walk.path.at;
}

/* Walks a path into the buffer; `match` says which components are looked up. */
__noinline int call_walk(__u64 mnt, __u64 dentry, __u32 match)
{
	struct call_scratch *scratch = call_memory();
	bool complete = false;

	if (!scratch || !mnt || !dentry)
		return 0;
	scratch->matched = 0;
	if (match)
		scratch->begins = walk_matching(scratch, (struct vfsmount *)mnt,
						(struct dentry *)dentry, &complete);
	else
		scratch->begins = walk_path(&scratch->path, (struct vfsmount *)mnt,
					    (struct dentry *)dentry, bpf_get_current_task_btf(),
					    &complete);
	if (!complete)
		scratch->record.flags |= RP_CALL_CUT;
	return 0;
}

/* Appends what was walked to the record; its length. */
__noinline int call_append(void)
{
	struct call_scratch *scratch = call_memory();
	__u64 at, len, used;

	if (!scratch)
		return 0;
	at = scratch->begins;
	used = scratch->used;
	barrier_var(at);
	barrier_var(used);
	if (at >= RP_PATH || used > RP_CALL_DATA - RP_PATH)
		return 0;
	len = RP_PATH - at;
	barrier_var(len);
	if (len > RP_PATH)
		return 0;
	if (bpf_probe_read_kernel(&scratch->record.data[used], len,
				  &scratch->path.text[at & (RP_PATH - 1)]))
		return 0;
	scratch->used = used + len;
	return len;
}

/* Appends a string of the caller's memory, or of the kernel's; its length. */
__noinline int call_text(__u64 from, __u32 kernel)
{
	struct call_scratch *scratch = call_memory();
	__u64 used;
	long len;

	if (!scratch)
		return 0;
	used = scratch->used;
	scratch->relative = 1;
	if (!from)
		return 0;
	barrier_var(used);
	if (used > RP_CALL_DATA - RP_PATH)
		return 0;
	if (kernel)
		len = bpf_probe_read_kernel_str(&scratch->record.data[used], RP_PATH, (void *)from);
	else
		len = bpf_probe_read_user_str(&scratch->record.data[used], RP_PATH, (void *)from);
	if (len <= 0 || len > RP_PATH) {
		scratch->record.flags |= RP_CALL_CUT;
		return 0;
	}
	if (len == RP_PATH)
		scratch->record.flags |= RP_CALL_CUT;
	scratch->relative = scratch->record.data[used] != '/';
	scratch->used = used + len - 1;
	return len - 1;
}

/* Appends the path of what a relative path begins at; its length, -1 when that is not known. */
__noinline int call_base(__s32 dir)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct file *file;

	if (dir == AT_FDCWD_) {
		call_walk((__u64)BPF_CORE_READ(task, fs, pwd.mnt),
			  (__u64)BPF_CORE_READ(task, fs, pwd.dentry), 0);
		return call_append();
	}
	file = file_of(dir);
	if (!file)
		return -1;
	call_walk((__u64)BPF_CORE_READ(file, f_path.mnt), (__u64)BPF_CORE_READ(file, f_path.dentry),
		  0);
	return call_append();
}

/* Appends a socket address. */
__noinline int call_address(__u64 from, __u32 size)
{
	struct call_scratch *scratch = call_memory();
	__u64 used, len = size;

	if (!scratch || !from)
		return 0;
	used = scratch->used;
	barrier_var(used);
	barrier_var(len);
	if (used > RP_CALL_DATA - RP_CALL_ADDRESS || !len)
		return 0;
	if (len > RP_CALL_ADDRESS)
		len = RP_CALL_ADDRESS;
	barrier_var(len);
	if (len > RP_CALL_ADDRESS ||
	    bpf_probe_read_user(&scratch->record.data[used], len, (void *)from)) {
		scratch->record.flags |= RP_CALL_CUT;
		return 0;
	}
	scratch->used = used + len;
	scratch->record.address_len = len;
	return len;
}

static __always_inline void call_unix(struct call_scratch *scratch, struct sock *sk)
{
	struct unix_sock *own = (struct unix_sock *)sk;
	struct unix_address *address = BPF_CORE_READ(own, addr);
	__u64 len, used = scratch->used;

	if (!address) {
		own = (struct unix_sock *)BPF_CORE_READ(own, peer);
		address = BPF_CORE_READ(own, addr);
	}
	if (!address)
		return;
	/* The family comes first. */
	len = BPF_CORE_READ(address, len) - 2;
	barrier_var(len);
	barrier_var(used);
	if (!len || len > RP_CALL_ADDRESS || used > RP_CALL_DATA - RP_CALL_ADDRESS)
		return;
	if (bpf_probe_read_kernel(&scratch->record.data[used], len,
				  (void *)address +
					  bpf_core_field_offset(struct unix_address, name) + 2))
		return;
	scratch->used = used + len;
	scratch->record.fd_path_len = len;
}

static __always_inline void call_socket(struct call_scratch *scratch, struct file *file)
{
	struct rp_call *record = &scratch->record;
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sk = BPF_CORE_READ(socket, sk);
	__u16 protocol;

	if (!sk)
		return;
	record->flags |= RP_CALL_SOCKET;
	record->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	record->socket_type = BPF_CORE_READ(sk, sk_type);
	protocol = BPF_CORE_READ(sk, sk_protocol);
	record->protocol = protocol == IPPROTO_MPTCP_ ? IPPROTO_TCP__ : protocol;
	record->fd_kind = RP_FD_SOCKET;
	if (record->family == AF_UNIX_) {
		record->fd_kind = RP_FD_UNIX;
		call_unix(scratch, sk);
		return;
	}
	if (record->family == AF_INET_) {
		map_ipv4(record->local, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
		map_ipv4(record->peer, BPF_CORE_READ(sk, __sk_common.skc_daddr));
	} else if (record->family == AF_INET6__) {
		bpf_core_read(record->local, 16, &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(record->peer, 16, &sk->__sk_common.skc_v6_daddr);
	} else {
		return;
	}
	record->fd_kind = RP_FD_INET;
	record->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	record->peer_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
}

static __always_inline __u8 kind_of(__u32 mode, struct inode *inode)
{
	switch (mode & S_IFMT_) {
	case S_IFREG_:
		return BPF_CORE_READ(inode, i_nlink) ? RP_FD_FILE : RP_FD_UNLINKED;
	case S_IFDIR_:
		return RP_FD_DIRECTORY;
	case S_IFCHR_:
		return RP_FD_CHARACTER;
	case S_IFBLK_:
		return RP_FD_BLOCK;
	case S_IFIFO_:
		return RP_FD_PIPE;
	}
	return RP_FD_OTHER;
}

/* Fills in what is behind a descriptor; its path is walked, not yet appended. 1: has a path. */
__noinline int call_fd(__s32 fd, __u32 match)
{
	struct call_scratch *scratch = call_memory();
	struct rp_call *record;
	struct super_block *sb;
	struct inode *inode;
	struct file *file;
	__u32 opened;

	if (!scratch)
		return 0;
	record = &scratch->record;
	record->fd = fd;
	record->flags |= RP_CALL_FD;
	file = file_of(fd);
	inode = BPF_CORE_READ(file, f_inode);
	if (!inode)
		return 0;
	sb = BPF_CORE_READ(inode, i_sb);
	record->flags |= RP_CALL_FILE;
	record->fd_mode = BPF_CORE_READ(inode, i_mode);
	record->fd_flags = BPF_CORE_READ(file, f_flags);
	record->fd_ino = BPF_CORE_READ(inode, i_ino);
	record->fd_dev = BPF_CORE_READ(sb, s_dev);
	opened = BPF_CORE_READ(file, f_mode);
	if (opened & FMODE_CREATED_)
		record->flags |= RP_CALL_CREATED;
	if ((record->fd_mode & S_IFMT_) == S_IFSOCK_) {
		call_socket(scratch, file);
		return 0;
	}
	record->fd_kind = kind_of(record->fd_mode, inode);
	if (record->fd_kind == RP_FD_OTHER ||
	    (record->fd_kind == RP_FD_PIPE && BPF_CORE_READ(sb, s_magic) == PIPEFS_MAGIC_))
		return 0;
	if (BPF_CORE_READ(sb, s_magic) == OVERLAY_MAGIC && in_upper_layer(inode))
		record->flags |= RP_CALL_UPPER;
	call_walk((__u64)BPF_CORE_READ(file, f_path.mnt), (__u64)BPF_CORE_READ(file, f_path.dentry),
		  match);
	return 1;
}

/* Whether the path that was walked is one of those asked for. */
__noinline int call_matches(void)
{
	struct call_scratch *scratch = call_memory();
	__u64 at, len;

	if (!scratch)
		return 0;
	if (scratch->matched)
		return 1;
	at = scratch->begins;
	barrier_var(at);
	if (at >= RP_PATH)
		return 0;
	len = RP_PATH - at;
	if (len > RP_CALL_PREFIX)
		len = RP_CALL_PREFIX;
	scratch->prefix.prefix_len = len * 8;
	if (bpf_probe_read_kernel(scratch->prefix.path, RP_CALL_PREFIX,
				  &scratch->path.text[at & (RP_PATH - 1)]))
		return 0;
	return bpf_map_lookup_elem(&call_prefixes, &scratch->prefix) != 0;
}

/* Whether this is news; it counts as told. */
static __always_inline bool call_is_news(struct rp_call_seen *key)
{
	__u64 now = bpf_ktime_get_boot_ns();
	__u64 *last;

	key->pid = bpf_get_current_pid_tgid() >> 32;
	last = bpf_map_lookup_elem(&call_seen, key);
	if (last && now - *last < REPEAT_NS) {
		count(RP_COUNT_CALLS_REPEATED);
		return false;
	}
	bpf_map_update_elem(&call_seen, key, &now, BPF_ANY);
	return true;
}

static __always_inline bool is_memory_device(struct rp_call *record)
{
	struct inode *inode;
	struct file *file;
	__u32 device;

	if (record->fd_kind != RP_FD_CHARACTER)
		return false;
	file = file_of(record->fd);
	inode = BPF_CORE_READ(file, f_inode);
	device = BPF_CORE_READ(inode, i_rdev);
	return device == (MEMORY_MAJOR << 20 | DEV_NULL) ||
	       device == (MEMORY_MAJOR << 20 | DEV_ZERO) ||
	       device == (MEMORY_MAJOR << 20 | DEV_FULL);
}

/* A file was opened: whether that is told. */
__noinline int call_opened(__s32 fd)
{
	struct call_scratch *scratch = call_memory();
	struct rp_call_config *asked;
	struct rp_call_seen key = {};
	struct rp_call *record;
	struct file *file;
	__u32 zero = 0;
	bool reads;

	asked = bpf_map_lookup_elem(&call_config, &zero);
	if (!scratch || !asked)
		return 0;
	record = &scratch->record;
	/* Another thread may have closed it: then the text is all there is. */
	if (!call_fd(fd, asked->filter_reads ? asked->matching : 0))
		return 1;
	record->flags |= RP_CALL_RESOLVED;
	reads = !(record->fd_flags & O_WRITES_) && !(record->flags & RP_CALL_CREATED);
	if (!reads && !is_memory_device(record))
		return 1;
	if (asked->filter_reads && !call_matches())
		return 0;
	file = file_of(fd);
	key.what[0] = (__u64)BPF_CORE_READ(file, f_path.dentry);
	key.what[1] = (__u64)BPF_CORE_READ(file, f_path.mnt);
	key.what[2] = record->fd_flags;
	key.what[3] = record->fd_ino;
	key.kind = RP_SHAPE_OPEN;
	return call_is_news(&key);
}

static __always_inline bool within_rate(__u32 label)
{
	__u64 second = bpf_ktime_get_boot_ns() / 1000000000ULL;
	struct rp_call_rate *rate = bpf_map_lookup_elem(&call_rate, &label);
	struct rp_call_rate fresh = { .second = second, .count = 1 };

	if (!rate || rate->second != second) {
		bpf_map_update_elem(&call_rate, &label, &fresh, BPF_ANY);
		return true;
	}
	rate->count += 1;
	return rate->count <= CRITICAL_CALLS;
}

/* Sends the record; everything but head and task is filled in. */
static __always_inline void call_send(struct call_scratch *scratch, __u32 label, bool is_critical)
{
	__u64 size = __builtin_offsetof(struct rp_call, data) + scratch->used;

	barrier_var(size);
	if (size > sizeof(struct rp_call))
		return;
	fill_task(&scratch->record.task, bpf_get_current_task_btf(), label);
	fill_head(&scratch->record.head, RP_CALL, size);
	if (is_critical && within_rate(label))
		send_critical(&scratch->record, size, false);
	else
		send_event(&scratch->record, size);
}

#define CALL_WORDS \
	((__builtin_offsetof(struct rp_call, data) - __builtin_offsetof(struct rp_call, result)) / 8)

/* The record as it is before anything is known. */
static __always_inline void call_begin(struct call_scratch *scratch, __u16 call, __u8 via)
{
	struct rp_call *record = &scratch->record;
	__u64 *words = (__u64 *)&record->result;
	int i;

	for (i = 0; i < CALL_WORDS; i++)
		words[i] = 0;
	record->call = call;
	record->via = via;
	scratch->used = 0;
}

/*
 * Whose call it is: false when nobody asks. `label` is 0 for the host.
 */
static __always_inline bool call_wanted(__u32 *label)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct rp_call_config *asked;
	struct rp_state *state;
	__u32 zero = 0, flags = 0;

	state = state_of(task->group_leader, &flags);
	if (state) {
		*label = state->label;
		return true;
	}
	asked = bpf_map_lookup_elem(&call_config, &zero);
	return asked && asked->host && task->tgid != asked->self_pid;
}

#endif
