/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A program is about to run its first instruction: report it, kill it, or stop it until user
 * space knows its container. Signals sent here act on the way out of the system call.
 */

#define SIGKILL 9
#define SIGSTOP 19

struct exec_scratch {
	struct rp_exec record;
	struct path_buffer path;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exec_scratch);
} exec_scratch SEC(".maps");

/*
 * Before kernel 6.3 the verifier loses a bound that was tested on another copy of the value, or on
 * its lower half: offsets and lengths below are 64 bits wide, and barrier_var keeps the compiler
 * from testing a copy.
 */

/* Appends the path of `path` to the record's data and returns its length. */
static __always_inline __u64 append_path(struct exec_scratch *scratch, __u64 offset,
					 struct vfsmount *mnt, struct dentry *dentry,
					 struct task_struct *task, bool *complete)
{
	__u64 at = walk_path(&scratch->path, mnt, dentry, task, complete);
	__u64 len;

	barrier_var(offset);
	if (at >= RP_PATH || offset > RP_EXEC_DATA - RP_PATH)
		return 0;
	len = RP_PATH - at;
	barrier_var(len);
	if (len > RP_PATH)
		return 0;
	if (bpf_probe_read_kernel(&scratch->record.data[offset], len,
				  &scratch->path.text[at & (RP_PATH - 1)]))
		return 0;
	return len;
}

static __always_inline __u64 append_argv(struct rp_exec *record, __u64 offset,
					 struct task_struct *task)
{
	__u64 begin = BPF_CORE_READ(task, mm, arg_start);
	__u64 end = BPF_CORE_READ(task, mm, arg_end);
	__u64 total = end > begin ? end - begin : 0;
	__u64 head, tail;

	record->argv_bytes = total;
	record->argv_head_len = 0;
	record->argv_tail_len = 0;
	head = total > RP_ARGV_HEAD ? RP_ARGV_HEAD : total;
	barrier_var(offset);
	if (!head || offset > RP_EXEC_DATA - RP_ARGV_HEAD)
		return offset;
	if (head < total)
		record->flags |= RP_EXEC_ARGV_CUT;
	barrier_var(head);
	if (head > RP_ARGV_HEAD ||
	    bpf_probe_read_user(&record->data[offset], head, (void *)begin)) {
		record->flags |= RP_EXEC_ARGV_CUT;
		return offset;
	}
	record->argv_head_len = head;
	offset += head;
	total -= head;
	tail = total > RP_ARGV_TAIL ? RP_ARGV_TAIL : total;
	barrier_var(offset);
	barrier_var(tail);
	if (!tail || offset > RP_EXEC_DATA - RP_ARGV_TAIL || tail > RP_ARGV_TAIL)
		return offset;
	if (bpf_probe_read_user(&record->data[offset], tail, (void *)(end - tail)))
		return offset;
	record->argv_tail_len = tail;
	return offset + tail;
}

static __always_inline __u64 append_text(struct exec_scratch *scratch, struct task_struct *task,
					 struct linux_binprm *bprm)
{
	struct rp_exec *record = &scratch->record;
	struct file *file = bprm->file;
	bool complete = false;
	__u64 offset, len;
	long name;

	offset = append_path(scratch, 0, BPF_CORE_READ(file, f_path.mnt),
			     BPF_CORE_READ(file, f_path.dentry), task, &complete);
	record->path_len = offset;
	if (!complete)
		record->flags |= RP_EXEC_PATH_CUT;
	len = append_path(scratch, offset, BPF_CORE_READ(task, fs, pwd.mnt),
			  BPF_CORE_READ(task, fs, pwd.dentry), task, &complete);
	record->cwd_len = len;
	if (!complete)
		record->flags |= RP_EXEC_CWD_CUT;
	offset += len;
	record->filename_len = 0;
	barrier_var(offset);
	if (offset <= RP_EXEC_DATA - RP_PATH) {
		name = bpf_probe_read_kernel_str(&record->data[offset], RP_PATH, bprm->filename);
		if (name > 1 && name <= RP_PATH) {
			record->filename_len = name - 1;
			offset += name - 1;
		}
	}
	return append_argv(record, offset, task);
}

static __always_inline void send_exec(struct exec_scratch *scratch, __u32 kind, __u64 data_len,
				      bool critical, bool now)
{
	__u64 size = __builtin_offsetof(struct rp_exec, data) + data_len;

	barrier_var(size);
	if (size > sizeof(struct rp_exec))
		return;
	fill_head(&scratch->record.head, kind, size);
	if (critical)
		send_critical(&scratch->record, size, now);
	else
		send_event(&scratch->record, size);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	struct rp_config *config = configuration();
	__u32 zero = 0, label_flags = 0, label = 0, kind = RP_EXEC;
	__u64 data_len;
	struct exec_scratch *scratch;
	struct inode *inode;
	struct rp_state *state;
	struct rp_exec *record;
	bool inside;

	scratch = bpf_map_lookup_elem(&exec_scratch, &zero);
	if (!scratch || !config)
		return 0;
	record = &scratch->record;
	inside = in_container(task, config);
	state = state_of(task, &label_flags);
	if (state)
		label = state->label;
	if (!state && inside && !(label_flags & RP_LABEL_IGNORED))
		kind = RP_FIRST_EXEC;
	if (!label && kind == RP_EXEC && !config->host_events)
		return 0;

	inode = BPF_CORE_READ(bprm, file, f_inode);
	record->ino = BPF_CORE_READ(inode, i_ino);
	record->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	record->mode = BPF_CORE_READ(inode, i_mode);
	record->flags = file_flags(inode, task);
	record->reason = RP_REASON_NONE;
	/*
	 * The runtime's own helper joins the cgroup while it is still outside and may run from a
	 * memfd: only what has been inside is judged.
	 */
	if (state && (inside || (state->flags & RP_STATE_INSIDE))) {
		state->flags |= RP_STATE_INSIDE;
		record->reason = exec_reason(label, record->dev, record->ino, record->flags);
		if (record->reason && bpf_send_signal(SIGKILL) == 0) {
			kind = RP_KILLED;
			count(RP_COUNT_KILLED);
		}
	}
	if (kind == RP_FIRST_EXEC && config->hold && bpf_send_signal(SIGSTOP) == 0) {
		record->flags |= RP_EXEC_HELD;
		count(RP_COUNT_HELD);
	}

	fill_task(&record->task, task, label);
	record->prev_uid = record->task.uid;
	record->prev_euid = record->task.euid;
	record->prev_caps = record->task.caps;
	if (state) {
		if (state->uid != record->task.uid || state->euid != record->task.euid ||
		    (record->task.caps & ~state->caps))
			record->flags |= RP_EXEC_CRED;
		record->prev_uid = state->uid;
		record->prev_euid = state->euid;
		record->prev_caps = state->caps;
		compare_cred(state, task, RP_CAUSE_EXEC);
	}
	data_len = append_text(scratch, task, bprm);
	send_exec(scratch, kind, data_len, label || kind != RP_EXEC, kind != RP_EXEC);
	return 0;
}
