"""Planted faults in what comes in: requests, replies, limits, servers, odd answers from ports.

Owns its part of the table that ``bench.planted`` plants. Each takes away one guard alone.
"""

from bench.fault import Change, Fault, crashes

REQUEST_FAULTS = (
    Fault(
        name="buys an edit that says nothing",
        changes=[
            Change(
                path="bot/domain/catalogue.py",
                old="""\
    if not request.prompt and (offer.prompt_required or not request.images):
""",
                new="""\
    if not request.prompt and offer.prompt_required:
""",
            ),
        ],
        tests=["tests/unit/test_catalogue.py", "-k", "without_words_or_images"],
    ),
    Fault(
        name="takes invisible signs for an instruction",
        changes=[
            Change(
                path="bot/services/admission.py",
                old="replace(request, prompt=wording(request.prompt))",
                new="request",
            ),
        ],
        tests=["tests/unit/services/test_requests.py", "-k", "wordless"],
    ),
    Fault(
        name="takes a reaction for an instruction",
        changes=[
            Change(
                path="bot/ui/inbound/replies.py",
                old="""\
    return text.strip() if has_words(without_marks(text)) else ""
""",
                new="    return text.strip()\n",
            ),
        ],
        tests=["tests/integration/flows/test_edit.py", "-k", "says_nothing"],
    ),
    Fault(
        name="repeats a private video in public",
        changes=[
            Change(
                path="bot/services/admission.py",
                old="if first.place.private:",
                new="if False:",
            ),
        ],
        tests=["tests/unit/services/test_requests.py", "-k", "never_becomes_public"],
    ),
    Fault(
        name="edits a private video in public",
        changes=[
            Change(
                path="bot/services/admission.py",
                old="if parent is not None and parent.place.private:",
                new="if False:",
            ),
        ],
        tests=["tests/unit/services/test_requests.py", "-k", "never_becomes_public"],
    ),
    Fault(
        name="edits a video as it was before the transaction",
        changes=[
            Change(
                path="bot/services/admission.py",
                old="editable(await tx.generations.get(asked.parent_id), asked.viewer)",
                new="""editable(
                await self.ports.storage.read(
                    lambda tx: tx.generations.get(asked.parent_id)  # type: ignore[arg-type]
                ),
                asked.viewer,
            )""",
            ),
        ],
        tests=["tests/unit/services/test_admission.py", "-k", "no_read_before_it"],
    ),
    Fault(
        name="refuses a request that was accepted before",
        changes=[
            Change(
                path="bot/services/generate.py",
                old="""\
        await self.ports.room.look_again()
""",
                new="""\
        await self.ports.room.check()
""",
            ),
        ],
        tests=["tests/unit/services/test_admission.py", "-k", "whatever_has_changed"],
    ),
    Fault(
        name="takes a private thread for a public one",
        changes=[
            Change(
                path="bot/ui/inbound/context.py",
                old="""\
        private=private or here_private,
""",
                new="""\
        private=private,
""",
            ),
        ],
        tests=["tests/integration/flows/test_video.py", "-k", "in_a_private_thread"],
    ),
    Fault(
        name="lifts a limit by 0",
        changes=[
            Change(
                path="bot/services/limits.py",
                old="""\
        if getattr(changes, name) == 0:
""",
                new="""\
        if False:
""",
            ),
        ],
        tests=["tests/unit/services/test_limits.py"],
    ),
    Fault(
        name="answers missed replies that were answered",
        changes=[
            Change(
                path="bot/ui/inbound/missed_replies.py",
                old="[m for m in waiting if m.id in known][:MOST_REPLIES]",
                new="waiting[:MOST_REPLIES]",
            ),
        ],
        tests=["tests/integration/flows/test_absence.py", "-k", "not_answered_again"],
    ),
    Fault(
        name="takes an absence for a time of listening",
        changes=[
            Change(
                path="bot/services/missed.py",
                old="        if self.listening:\n",
                new="        if self.listening is not None:\n",
            ),
        ],
        tests=crashes("replies"),
    ),
    Fault(
        name="orders later what was refused",
        changes=[
            Change(
                path="bot/ui/inbound/missed_replies.py",
                old=" and m.id not in answered]",
                new="]",
            ),
        ],
        tests=["tests/integration/flows/test_absence.py", "-k", "not_ordered_later"],
    ),
    Fault(
        name="pays for people who left",
        changes=[
            Change(
                path="bot/ui/inbound/missed_replies.py",
                old="""\
            if await self._still_there(message):
""",
                new="""\
            if message:
""",
            ),
        ],
        tests=["tests/integration/flows/test_absence.py", "-k", "who_left"],
    ),
    Fault(
        name="stays in every server",
        changes=[
            Change(
                path="bot/ui/inbound/client.py",
                old="""\
        return not guild_id or not allowed or guild_id in allowed
""",
                new="""\
        return True
""",
            ),
        ],
        tests=["tests/integration/flows/test_membership.py", "-k", "is_left_at_start"],
    ),
    Fault(
        name="serves buttons of servers that are not allowed",
        changes=[
            Change(
                path="bot/ui/inbound/client.py",
                old="""\
            self.check_served(interaction.guild_id)
            control""",
                new="            control",
            ),
        ],
        tests=["tests/integration/flows/test_membership.py", "-k", "refused"],
    ),
    Fault(
        name="takes the empty error of an accepted request for a refusal",
        changes=[
            Change(
                path="bot/providers/refusals.py",
                old="code in _NO_ERROR and not kind and not message",
                new="False",
            ),
        ],
        tests=["tests/unit/test_task_reports.py", "-k", "whoever_names_a_task"],
    ),
    Fault(
        name="moves a video away from its place because of a page in between",
        changes=[
            Change(path="bot/ui/discord_errors.py", old=" or _is_a_page(error)", new=""),
        ],
        tests=["tests/contract/messenger/test_refused.py", "-k", "in_between"],
    ),
    Fault(
        name="lets others retry a member's refused request",
        changes=[
            Change(
                path="bot/ui/inbound/retries.py",
                old="self._drafts.get((user_id, draft_id))",
                new="next((d for key, d in self._drafts.items() if key[1] == draft_id), None)",
            ),
        ],
        tests=["tests/integration/flows/test_retry.py", "-k", "author_alone"],
    ),
    Fault(
        name="offers no retry of a request that could not be saved",
        changes=[
            Change(
                path="bot/ui/inbound/retries.py",
                old="""\
    if isinstance(error, StorageUnavailable):
        return True
""",
                new="",
            ),
        ],
        tests=["tests/integration/flows/test_retry.py", "-k", "becomes_the_receipt"],
    ),
    Fault(
        name="every member who sees a video may delete it",
        changes=[
            Change(
                path="bot/domain/access.py",
                old="if not viewer.moderator and seen.requester_id != viewer.user_id:",
                new="if False:",
            ),
        ],
        tests=["tests/unit/services/test_delete.py", "-k", "others_may_neither"],
    ),
    Fault(
        name="what is deleted for good stays in Discord",
        changes=[
            Change(
                path="bot/services/delete.py",
                old="message_gone = await self.messenger.delete_video(found)",
                new="message_gone = True",
            ),
        ],
        tests=["tests/unit/services/test_delete.py", "-k", "removes_the_message"],
    ),
    Fault(
        name="what is deleted for good keeps its prompt",
        changes=[
            Change(
                path="bot/services/delete.py",
                old="return await tx.generations.erase(await tx.generations.save(fresh, deleted))",
                new="return await tx.generations.save(fresh, deleted)",
            ),
        ],
        tests=["tests/unit/services/test_delete.py"],
    ),
)
