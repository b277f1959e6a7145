/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* bpf(2) of a container. */

SEC("lsm/bpf")
int BPF_PROG(lsm_bpf, int cmd, void *attr, unsigned int size)
{
	return check_act(RP_GUARD_BPF, RP_OP_BPF, cmd) ? DENY_ERROR : 0;
}

/* Our own maps and programs are no container's, whatever its policy. */
static __always_inline int own_checked(__u32 id)
{
	struct guard guard = {};
	struct denial denial = { .op = RP_OP_BPF, .reason = RP_REASON_GUARD, .detail = id };

	if (!bpf_map_lookup_elem(&own_objects, &id) || !enter(&guard))
		return 0;
	refuse(&guard, &denial);
	return DENY_ERROR;
}
