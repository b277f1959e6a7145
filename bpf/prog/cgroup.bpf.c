/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Cgroups of the v2 hierarchy come, go and take in tasks. A child takes its parent's label. */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct rp_cgroup);
} cgroup_scratch SEC(".maps");

static __always_inline bool is_v2(struct cgroup *cgroup)
{
	return BPF_CORE_READ(cgroup, root, hierarchy_id) == 0;
}

static __always_inline void report_cgroup(__u32 slot, __u32 kind, __u64 id, __u32 label,
					  const char *path)
{
	struct rp_cgroup *record = bpf_map_lookup_elem(&cgroup_scratch, &slot);
	long len;
	__u32 size;

	if (!record)
		return;
	record->id = id;
	record->label = label;
	len = bpf_probe_read_kernel_str(record->path, sizeof(record->path), path);
	record->path_len = len > 1 && len <= RP_CGROUP_PATH ? len - 1 : 0;
	size = __builtin_offsetof(struct rp_cgroup, path) + record->path_len;
	if (size > sizeof(*record))
		return;
	fill_head(&record->head, kind, size);
	send_critical(record, size, kind == RP_CGROUP_MADE);
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(on_cgroup_mkdir, struct cgroup *cgroup, const char *path)
{
	struct cgroup_subsys_state *up;
	struct rp_label *parent;
	__u64 id, parent_id;
	__u32 label = 0;

	if (!is_v2(cgroup))
		return 0;
	id = BPF_CORE_READ(cgroup, kn, id);
	up = BPF_CORE_READ(cgroup, self.parent);
	/* `self` is the first field of a cgroup. */
	parent_id = BPF_CORE_READ((struct cgroup *)up, kn, id);
	parent = bpf_map_lookup_elem(&labels, &parent_id);
	if (parent && parent->label) {
		struct rp_label inherited = *parent;

		label = inherited.label;
		bpf_map_update_elem(&labels, &id, &inherited, BPF_ANY);
	}
	report_cgroup(0, RP_CGROUP_MADE, id, label, path);
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(on_cgroup_rmdir, struct cgroup *cgroup, const char *path)
{
	__u32 flags = 0, label;
	__u64 id;

	if (!is_v2(cgroup))
		return 0;
	id = BPF_CORE_READ(cgroup, kn, id);
	label = cgroup_label(id, &flags);
	bpf_map_delete_elem(&labels, &id);
	report_cgroup(1, RP_CGROUP_GONE, id, label, path);
	return 0;
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(on_cgroup_attach, struct cgroup *cgroup, const char *path, struct task_struct *task,
	     bool threadgroup)
{
	__u32 flags = 0, label;

	if (!is_v2(cgroup))
		return 0;
	label = cgroup_label(BPF_CORE_READ(cgroup, kn, id), &flags);
	if (label)
		set_label(task->group_leader, label);
	return 0;
}
