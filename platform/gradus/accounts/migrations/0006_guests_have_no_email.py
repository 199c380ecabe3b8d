from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_guests_lose_their_email"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(("is_guest", False), ("email", ""), _connector="OR"),
                name="guest_has_no_email",
                violation_error_message="A visitor has no email address: it comes with the sign-up.",
            ),
        ),
    ]
