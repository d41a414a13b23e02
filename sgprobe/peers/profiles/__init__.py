"""Profile packages of the bench's own: TCA profile elements, subscriptions, and several sizes."""
