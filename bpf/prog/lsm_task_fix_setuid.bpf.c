/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Ids change: nobody becomes root who is not. */

SEC("lsm/task_fix_setuid")
int BPF_PROG(lsm_task_fix_setuid, struct cred *new, const struct cred *old, int flags)
{
	__u32 was = BPF_CORE_READ(old, euid.val), real = BPF_CORE_READ(old, uid.val);

	if (was == 0 || real == 0)
		return 0;
	if (BPF_CORE_READ(new, uid.val) != 0 && BPF_CORE_READ(new, euid.val) != 0)
		return 0;
	return check_act(RP_GUARD_SETUID, RP_OP_SETUID, was) ? DENY_ERROR : 0;
}
