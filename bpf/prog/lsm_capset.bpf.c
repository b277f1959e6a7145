/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Capabilities are raised: a thread may only give up what it has. */

SEC("lsm/capset")
int BPF_PROG(lsm_capset, struct cred *new, const struct cred *old)
{
	__u64 before = effective_caps(old), after = 0;

	/* The new set is in the making: what is asked for is judged by what results. */
	bpf_core_read(&after, sizeof(after), &new->cap_effective);
	if (!(after & ~before))
		return 0;
	return check_act(RP_GUARD_CAPSET, RP_OP_CAPSET, after & ~before) ? DENY_ERROR : 0;
}
