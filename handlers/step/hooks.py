"""Call one webhook as its spec says, and judge the answer."""

from datetime import datetime

from handlers.rollout.spec.analysis import Webhook
from handlers.rollout.webhook import Judgement, Post, judge
from handlers.step.call import call_until
from handlers.step.ports import Request, World


def post_to(world: World, hook: Webhook, post: Post, deadline: datetime) -> Judgement:
    """What a webhook says, after its retries and within the deadline. Raises Unavailable when it says nothing."""
    token = world.token(hook.url)
    request = Request(
        method="POST",
        url=hook.url,
        headers={**post.headers, **({"Authorization": f"Bearer {token}"} if token else {})},
        body=post.body,
        timeout=hook.timeout.total_seconds(),
        verify=not hook.disable_tls,
    )
    response = call_until(world, request, deadline, retries=hook.retries)
    return judge(response.status, response.headers, response.body)
