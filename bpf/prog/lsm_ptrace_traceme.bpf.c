/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A process asks its parent to trace it. */

SEC("lsm/ptrace_traceme")
int BPF_PROG(lsm_ptrace_traceme, struct task_struct *parent)
{
	return check_act(RP_GUARD_PTRACE, RP_OP_PTRACE, parent->tgid) ? DENY_ERROR : 0;
}
