"""Two agents in one call, each with a face of its own.

    pip install "avatar-core[demo]"
    python -m livekit.agents start examples/handoff_agent.py --dev

LiveKit hands a conversation from one agent to another within one AgentSession; the avatar follows
with a switch. Here the one at the desk hands over to a robot when "robot" is typed into the chat.
"""

from livekit.agents import Agent, AgentServer, AgentSession, JobContext
from livekit.agents.voice.room_io import RoomOptions, TextInputEvent, TextInputOptions

from avatar_core import AvatarSession
from avatar_core.demo.local_tts import LocalTTS

server = AgentServer()


class Robot(Agent):
    def __init__(self, avatar: AvatarSession) -> None:
        super().__init__(instructions="You are a robot that knows everything about parcels.")
        self._avatar = avatar

    async def on_enter(self) -> None:
        await self._avatar.switch("mock/robot", at_boundary=True)
        await self.session.say("The robot here. Which parcel is it about?")


class Desk(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You answer the door, and hand over to the robot.")

    async def on_enter(self) -> None:
        await self.session.say("Welcome! Type robot to talk to our robot.")


@server.rtc_session()
async def talk(ctx: JobContext) -> None:
    session = AgentSession[None](tts=LocalTTS(), vad=None, turn_handling={"turn_detection": None})
    avatar = AvatarSession("mock")

    async def hand_over(session: AgentSession[None], message: TextInputEvent) -> None:
        if "robot" in message.text.lower():
            session.update_agent(Robot(avatar))
        else:
            await session.say(message.text)

    await avatar.start(session, room=ctx.room)
    await session.start(
        Desk(),
        room=ctx.room,
        room_options=RoomOptions(text_input=TextInputOptions(text_input_cb=hand_over)),
    )
