"""The Chinese twin of each message that an installer may read; the English text is the key."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_DOCUMENTS = {
    "warning: ": "警告：",
    "{what} stands here, expected {expected}": "此处是{what}，应为{expected}",
    "{raw} is out of range, expected {expected} from {low} to {high}": (
        "{raw} 超出范围，应为 {low} 至 {high} 的{expected}"
    ),
    "unknown {what} {name}{hint}, expected one of {known}": "未知的{what} {name}{hint}，应为以下之一：{known}",
    " (did you mean {near}?)": "（是不是 {near}？）",
    "duplicate key {name}, it stands already on line {line}": "键 {name} 重复，第 {line} 行已有",
    "{name} is missing, {what} needs it": "缺少 {name}，{what}必须有它",
    "a colon and a space are missing after {head}": "{head} 之后缺少半角冒号和空格",
    "a control character stands in this text": "这段文字里有控制字符",
    "a number of more than {digits} digits stands here": "此处的数字超过 {digits} 位",
    "{what} as a mapping": "{what}（一组“键: 值”）",
    "one of {words}": "以下之一：{words}",
    "a mapping": "一组“键: 值”",
    "a list": "列表",
    "an empty list": "空列表",
    "a single value": "单个值",
    "nothing": "空值",
    "text": "文字",
    "a key": "键",
    "key": "键",
    "value": "值",
    "this": "这里",
    "a number": "数字",
    "a whole number": "整数",
    "unknown key {name}, write {instead}": "未知的键 {name}，应写成 {instead}",
    "true or false": "true 或 false",
    "a duration": "时长",
    "a duration such as 5s, 10 min or 90 days": "时长，例如 5s、10 min 或 90 days",
}

_YAML = {
    "broken YAML: {problem}": "YAML 格式有误：{problem}",
    "the file is empty": "文件是空的",
    "the file is larger than {size} bytes": "文件超过 {size} 字节",
    "this is not UTF-8 text, save the file as UTF-8": "这不是 UTF-8 文字，请把文件另存为 UTF-8",
    "a control character stands here, take it out": "此处有控制字符，请删去",
    "this is nested too deeply, {depth} levels are the most": "嵌套太深，最多 {depth} 层",
    "an anchor (&) or alias (*) stands here, write the value out": "此处有锚点（&）或别名（*），请直接写出值",
    "a tag (!) stands here, write the value without it": "此处有标签（!），请去掉它只写值",
    "a tab stands here, indent with spaces": "此处有制表符，缩进请用空格",
    "this does not fit what stands above: mend the indentation, or close what is open": (
        "与上文接不上：请检查缩进，或补上未闭合的括号、引号"
    ),
    "a value is missing here, or what is open is not closed": "此处缺少值，或前面的括号没有闭合",
    "the list that begins on line {line} is not closed, expected ',' or ']'": (
        "第 {line} 行开始的列表没有闭合，应为半角 ',' 或 ']'"
    ),
    "the mapping that begins on line {line} is not closed, expected ',' or '}}'": (
        "第 {line} 行开始的花括号没有闭合，应为半角 ',' 或 '}}'"
    ),
    "a colon cannot stand here: mend the indentation, or put the text in quotes": (
        "此处不能有冒号：请检查缩进，或给文字加引号"
    ),
    "a key without a colon, expected ':' and a space after it": "键之后没有冒号，应为半角冒号加空格",
    "{char!r} cannot begin a value, put the value in quotes": "值不能以 {char!r} 开头，请加引号",
    "the quotes that open here are not closed": "此处的引号没有闭合",
    "a second document begins here, expected one in a file": "此处开始了第二个文档，一个文件只能有一个",
    "an unknown escape stands after \\ in double quotes, expected single quotes": (
        "双引号里 \\ 之后的转义无效，请改用单引号"
    ),
}

_FILES = {
    "{file} is valid: {receivers}, {zones}, {rules}": "{file} 有效：{receivers}、{zones}、{rules}",
    "1 receiver": "1 个接收器",
    "{count} receivers": "{count} 个接收器",
    "1 zone": "1 个区域",
    "{count} zones": "{count} 个区域",
    "1 rule": "1 条规则",
    "{count} rules": "{count} 条规则",
    "no such file, expected a configuration; one to start from is {example}": (
        "没有这个文件，应为配置文件；可从 {example} 开始"
    ),
    "no such file": "没有这个文件",
    "this is a folder, expected a file": "这是文件夹，应为文件",
    "this is a file, expected a folder": "这是文件，应为文件夹",
    "no permission": "没有权限",
    "this disk can only be read": "这块磁盘只能读",
    "the disk is full": "磁盘满了",
    "too many symbolic links lead to one another": "符号链接互相指来指去",
    "another program listens at this address already": "已有别的程序占用这个地址",
    "this machine does not have this address": "本机没有这个地址",
    "this file is not there, expected it in {folder}": "没有这个文件，它应在 {folder} 里",
    "a path, absolute or from this file's folder": "路径（绝对路径，或相对于本文件所在文件夹）",
}

_SECTIONS = {
    "the configuration": "配置",
    "store": "store",
    "gateway": "gateway",
    "mqtt": "mqtt",
    "beacons": "beacons",
    "presence": "presence",
    "staff": "staff",
    "privacy": "privacy",
    "crowd": "crowd",
    "calibration": "calibration",
    "a calibrated place": "校准过的位置",
    "a list of addresses": "地址列表",
    "source": "来源",
    "hear": "hear",
    "a receiver": "接收器",
    "a zone": "区域",
    "a group": "组",
    "a reference beacon": "参考信标",
    "a list of receivers": "接收器列表",
    "a list of zones": "区域列表",
    "a list of groups": "组列表",
    "a list of devices": "设备列表",
    "a list of rules": "规则列表",
    "a list of channels such as [1, 6, 11]": "信道列表，例如 [1, 6, 11]",
    "a list of attributes such as [balance]": "属性列表，例如 [balance]",
    "a list of offers such as [voucher-50]": "优惠列表，例如 [voucher-50]",
    "a list such as [{receiver: door, at_least: -70}]": "列表，例如 [{receiver: door, at_least: -70}]",
    "at least one receiver is needed": "至少要有一个接收器",
    "at least one zone is needed": "至少要有一个区域",
    "at least one group is needed": "至少要有一个组",
    "a group's id": "组的编号",
    "a group cannot escalate to itself": "组不能升级到它自己",
    "receiver": "接收器",
    "driver": "驱动",
    "kind": "种类",
    "role": "角色",
    "language": "语言",
    "rule": "规则",
}

_VALUES = {
    "an id of 1 to 64 letters, digits, - and _": "1 至 64 个字母、数字、- 或 _ 组成的编号",
    "duplicate id {id!r}, it stands already on line {line}": "编号 {id!r} 重复，第 {line} 行已有",
    "an attribute's name of letters, digits and _": "字母、数字和 _ 组成的属性名",
    "an offer's id of 1 to 64 letters, digits, - and _": "1 至 64 个字母、数字、- 和 _ 组成的优惠 id",
    "an adapter such as hci0, or its address": "蓝牙适配器，例如 hci0，或它的地址",
    "an interface such as wlan1": "网卡，例如 wlan1",
    "a whole number of unsolicited alerts a day": "每天主动提醒次数",
    "a whole number of unsolicited alerts a week": "每周主动提醒次数",
    "a whole number of offers a day": "每天优惠次数",
    "a whole number of offers a week": "每周优惠次数",
    "a whole number of answers a day": "每天应要求的提醒次数",
    "a Wi-Fi channel": "Wi-Fi 信道",
    "a Wi-Fi channel such as 1, 6, 11 or 36": "Wi-Fi 信道，例如 1、6、11 或 36",
    "an access point's address such as 02:11:22:33:44:aa": "接入点地址，例如 02:11:22:33:44:aa",
    "a list of access points' addresses such as [02:11:22:33:44:aa]": "接入点地址列表，例如 [02:11:22:33:44:aa]",
    "a device's address such as 02:11:22:33:44:aa": "设备地址，例如 02:11:22:33:44:aa",
    "a channel stands here twice": "同一信道写了两次",
    "a network's name": "网络名称",
    "a network's name is 1 to 32 bytes long": "网络名称长度应为 1 至 32 字节",
    "16 hex digits, the first half of the chain's UUIDs": "16 位十六进制数，即本连锁 UUID 的前一半",
    "a UUID of 32 hex digits": "32 位十六进制数的 UUID",
    "hours such as 10:00-22:00": "时段，例如 10:00-22:00",
    "{raw!r} begins and ends at once, expected hours such as 10:00-22:00": (
        "{raw!r} 的开始和结束相同，应为时段，例如 10:00-22:00"
    ),
    "a time of the day such as 20:30": "一天中的时刻，例如 20:30",
    "a time zone such as Asia/Shanghai": "时区，例如 Asia/Shanghai",
    "unknown time zone {name}{hint}, expected a name such as Asia/Shanghai": (
        "未知的时区 {name}{hint}，应为 Asia/Shanghai 这样的名称"
    ),
    "this machine has no time zones, install the package tzdata": "本机没有时区数据，请安装软件包 tzdata",
    "degrees": "度数",
    "{one} stands here without {other}": "只有 {one} 没有 {other}，两者要么都写，要么都不写",
    "a level in dBm": "信号强度（dBm）",
    "an offset in dB": "修正值（dB）",
}

_BROKER = {
    "guest": "guest",
    "a receiver's id": "接收器的 id",
    "guest has no use without listen or keys": "没有 listen 或 keys，guest 没有作用",
    "the guest network is one that hostapd serves, and this receiver's driver is another": (
        "访客网络由 hostapd 提供，而此接收器的驱动不是 hostapd"
    ),
    "an address and a port such as 10.0.0.1:8080": "地址和端口，例如 10.0.0.1:8080",
    "the page belongs on the guest network alone, expected this machine's address on it": (
        "页面只应在访客网络上，应为本机在该网络上的地址"
    ),
    "this address can be reached from all the world, the page belongs on the guest network": (
        "此地址从公网可达，页面应在访客网络上"
    ),
    "a broker's address such as mqtt://127.0.0.1": "消息服务器地址，例如 mqtt://127.0.0.1",
    "this is no broker's address, expected one such as mqtt://127.0.0.1 or mqtts://broker.example:8883": (
        "这不是消息服务器地址，应为 mqtt://127.0.0.1 或 mqtts://broker.example:8883 这样的地址"
    ),
    "unknown scheme {scheme}, expected one of {known}": "未知的协议 {scheme}，应为以下之一：{known}",
    "a user or password does not belong in the address, expected username and password_file beside it": (
        "用户名和密码不能写在地址里，请用 username 和 password_file"
    ),
    "host or port is wrong, expected an address such as mqtts://broker.example:8883": (
        "主机或端口有误，应为 mqtts://broker.example:8883 这样的地址"
    ),
    "the host is missing or wrong, expected an address such as mqtt://127.0.0.1": (
        "主机缺失或有误，应为 mqtt://127.0.0.1 这样的地址"
    ),
    "the port is wrong, expected 1 to 65535": "端口有误，应为 1 至 65535",
    "only a path may follow host and port here, such as wss://broker.example/mqtt": (
        "主机和端口之后只能有路径，例如 wss://broker.example/mqtt"
    ),
    "expected the absolute path of a socket, such as mqtt+unix:///run/mosquitto/mqtt.sock": (
        "应为套接字的绝对路径，例如 mqtt+unix:///run/mosquitto/mqtt.sock"
    ),
    "at least one broker is needed": "至少需要一个消息服务器",
    "this broker stands already on line {line}": "这个消息服务器在第 {line} 行已经写过",
    "username stands here already": "这里已经写了 username",
    "{name} has no use without mqtts or wss": "没有 mqtts 或 wss 时 {name} 不起作用",
    "others may read this file, chmod 640 or less would keep it from them": (
        "其他用户可以读取这个文件，用 chmod 640 或更严的权限可以避免"
    ),
    "nothing may follow host and port here, expected an address such as mqtt://127.0.0.1": (
        "主机和端口之后不能再有内容，应为 mqtt://127.0.0.1 这样的地址"
    ),
    "a password does not belong in this file, expected password_file: the name of a file beside it": (
        "密码不能写在本文件里，请用 password_file 写出旁边的密码文件名"
    ),
    "a password without username, brokers refuse that": "只有密码没有 username，消息服务器会拒绝",
    "the password will cross the network in the clear, mqtts would hide it": (
        "密码会在网络上明文传输，改用 mqtts 可以加密"
    ),
}

_SHOP = {
    "this version knows all-in-one only, and will act as that": "本版本只支持 all-in-one，将按它运行",
    "without a reference, which is the beacon that members' apps hear, nothing can be heard here": (
        "没有 reference（会员应用听到的那个信标），这里什么也收不到"
    ),
    "dwell has no use without several channels": "只有一个信道时 dwell 不起作用",
    "kind of scan": "扫描方式",
    "a passive scan is told of changes only: it gives no levels for zones, and nobody can tell whether it is deaf": (
        "被动扫描只能得知变化：没有可用来划分区域的信号强度，也无法判断它是否失灵"
    ),
    "receivers {first!r} and {second!r} share one radio, only one of them will hear": (
        "接收器 {first!r} 和 {second!r} 用的是同一块无线硬件，只有一个能收到"
    ),
    "no zone hears the receiver {id!r}, name it under `hear` or take it out": (
        "没有区域使用接收器 {id!r}，请在某个区域的 hear 里写上它，或删去它"
    ),
    "hostapd tells who is connected but no level, leave at_least out": (
        "hostapd 只知道谁连接着，不知道强弱，请去掉 at_least"
    ),
    "this radio never tells who is connected, name a level with at_least": (
        "这种接收器不知道谁连接着，请用 at_least 写明信号强度"
    ),
    "rule {rule!r} needs a credential that is {trust}, and no receiver here hears one": (
        "规则 {rule!r} 需要可信度为 {trust} 的凭证，而本店没有能听到它的接收器"
    ),
    "rule {rule!r} needs a credential that is {trust}, and no member who is enrolled carries one": (
        "规则 {rule!r} 需要可信度为 {trust} 的凭证，而已登记的会员都没有"
    ),
    "rule {rule!r} waits for a zone of kind {kind}, and this shop has none": (
        "规则 {rule!r} 等待 {kind} 类区域，而本店没有这类区域"
    ),
    "offset has no use without at_least": "没有 at_least 时 offset 不起作用",
    "{zone!r} hears {receiver!r} at this level already (line {line}), nothing tells the two apart": (
        "{zone!r} 已用同样的强度使用 {receiver!r}（第 {line} 行），两者无法区分"
    ),
    "{zone!r} is outside, yet needs a stronger level than a door on this receiver": (
        "{zone!r} 在门外，要求的信号却比同一接收器的门口区域还强"
    ),
    "a shipped rule's name, or a file such as ./our-rules.yaml": "内置规则名，或 ./our-rules.yaml 这样的文件",
    "no rule file {name}{hint}": "没有规则文件 {name}{hint}",
    "this rule stands already on line {line}": "这条规则第 {line} 行已有",
    "the shipped rules are not in {folder}, install Hushbell again ({missing})": (
        "{folder} 里没有内置规则，请重新安装 Hushbell（{missing}）"
    ),
}

_RULES = {
    "a rule": "规则",
    "a trigger": "触发条件",
    "alert": "提醒",
    "offer": "优惠",
    "group": "组",
    "zone": "区域",
    "kind of zone": "区域种类",
    "trigger": "触发条件",
    "trust": "可信度",
    "1 to 64 letters, digits, - and _": "1 至 64 个字母、数字、- 或 _",
    "rule {name} stands already at {file}:{line}": "规则 {name} 已在 {file}:{line} 处",
    "{what} stands here alone, expected {example}": "{what} 不能单独写，应为 {example}",
    "a distance": "距离",
    "a distance such as 800 m or 3 km": "距离，例如 800 m 或 3 km",
    "word after claimed": "claimed 之后的词",
    "zone does not go with nearby: the member is in none here": "nearby 不能带 zone：会员不在本店的任何区域",
    "within does not go with {kind}, only with {words}": "{kind} 不能带 within，只有 {words} 可以",
    "a fact's name such as new_arrivals": "事实的名称，例如 new_arrivals",
    "{what} stands here, expected nothing after {kind}, as in {example}": (
        "此处是{what}，{kind} 之后应为空，例如 {example}"
    ),
    "a condition": "条件",
    "a condition such as member.passes_30d >= 4": "条件，例如 member.passes_30d >= 4",
    "alert and offer stand in one rule, expected one of them": "同一规则里 alert 和 offer 只能有一个",
    "the rule does nothing, expected alert or offer": "这条规则什么都不做，应有 alert 或 offer",
    "up to six of short and long, such as short-short-long": "最多六个 short 或 long，例如 short-short-long",
    "a text such as '{greeting} · {zone} {ago}'": "文字，例如 '{greeting} · {zone} {ago}'",
    "a text, or {zh: ..., en: ...}": "文字，或 {zh: ..., en: ...}",
    "a cap such as 1 per day, of {times} at most per {periods}, or of {most} per rule": (
        "上限，例如 1 per day，{periods} 最多 {times} 次，rule 最多 {most} 次"
    ),
    "a cap such as 1 per day": "上限，例如 1 per day",
    "a second cap per {period} stands here, expected one": "此处的 per {period} 上限重复，只能有一个",
    "escalate": "escalate",
    "the alert goes to {group} already, expected another group": "提醒本来就发给 {group}，应为另一个组",
    "the alert is over by then, expected less than its {expires} s": "到那时提醒已过期，应短于它的 {expires} 秒",
    "answer": "answers",
    "{what} does not go with {kind}, expected {expected}": "{kind} 不能带 {what}，应为 {expected}",
    "which counter? expected a zone by its id in on": "是哪个柜台？on 里应有用 id 指明的 zone",
    "what shows the sign-up? expected an if that reads member.tags or member.attributes": (
        "报名的依据是什么？if 里应读取 member.tags 或 member.attributes"
    ),
    "a fact": "事实",
    "type": "类型",
    "1 to 64 letters, digits and _, no digit first": "1 至 64 个字母、数字或 _，不以数字开头",
    "fact {name} stands already at {file}:{line}": "事实 {name} 已在 {file}:{line} 处",
    "fact {name} is declared otherwise at {file}:{line}": "事实 {name} 在 {file}:{line} 处的声明与此不同",
    "a type such as bool, list of string or {item: string}": "类型，例如 bool、list of string 或 {item: string}",
    "a value of the declared type, {type}": "所声明类型 {type} 的值",
    "{name} is declared nowhere in this file, expected such as {example}": "本文件没有声明 {name}，应有例如 {example}",
    "{name} has parts, expected one of {known}": "{name} 由几部分组成，应为以下之一：{known}",
    "{name} means nothing to a rule on nearby: no visit is open here": (
        "{name} 对 nearby 规则没有意义：会员此时没有到本店"
    ),
    "{name} is not for staff to read, expected one of {known}": "{name} 不能给店员看，应为以下之一：{known}",
    "a placeholder stands here without quotes, expected {quoted}": "此处的占位符没有加引号，应为 {quoted}",
    "text without braces, or one placeholder such as '{facts.item}'": (
        "不带花括号的文字，或一个占位符，例如 '{facts.item}'"
    ),
    "the text is longer than {most} characters": "文字超过 {most} 个字符",
    "a single {brace} stands here, a placeholder is such as {example}": (
        "此处只有一个 {brace}，占位符应写成 {example} 这样"
    ),
    "unknown placeholder {name}{hint}, expected one of {known}": "未知的占位符 {name}{hint}，应为以下之一：{known}",
    "the condition is longer than {most} characters": "条件超过 {most} 个字符",
    "the condition cannot be read, it may be nested too deeply": "条件无法读取，可能嵌套太深",
    "the condition ends too early": "条件没有写完",
    "`{what}` gives {kind}, expected true or false": "`{what}` 的结果是 {kind}，应为真或假",
    "{operator} does not fit {kinds}": "{operator} 不能用于 {kinds}",
    "unknown name {name}, expected {known}": "未知的名称 {name}，应为 {known}",
    "unknown name {name} (did you mean {near}?)": "未知的名称 {name}（是不是 {near}？）",
    "unknown function {name}{hint}": "未知的函数 {name}{hint}",
    "unknown name {name}, an attribute of your own is written {own}": "未知的名称 {name}，自定义属性应写成 {own}",
    "a name such as {example}": "{example} 这样的名称",
}

_RULE_TESTS = {
    "a rule test file": "规则测试文件",
    "a test": "测试",
    "a step": "步骤",
    "a member": "会员",
    "member": "会员",
    "purpose": "用途",
    "outcome": "结果",
    "an action": "动作",
    "an id": "编号",
    "a name": "名称",
    "a word": "词",
    "a reason": "原因",
    "a rule's name": "规则名",
    "what is expected": "预期",
    "a list of words": "词的列表",
    "a list of tests": "测试列表",
    "a list of steps": "步骤列表",
    "a list of members": "会员列表",
    "a list of what is expected": "预期列表",
    "a rule file such as window-regular.yaml": "规则文件，例如 window-regular.yaml",
    "a time of the shop such as 2026-11-22 14:00": "店铺时间，例如 2026-11-22 14:00",
    "no rule file {name}": "没有规则文件 {name}",
    "duplicate id {name}": "编号 {name} 重复",
    "this step lies before the one above it": "这一步的时间早于上一步",
    "expected a member and one of {words}": "应有 member 和以下之一：{words}",
    "expected one of alert, offer, silent and escalated; a reason goes with silent only": (
        "应为 alert、offer、silent、escalated 之一；reason 只能和 silent 一起写"
    ),
    "about whom? expected a member, here or in the step": "关于谁？请在此处或这一步写明 member",
    "for how long? expected for: 10 s beside it": "持续多久？请在旁边写 for: 10 s",
    "{what} does not go with {name}": "{what} 不能和 {name} 一起写",
    "{word} is said to an alert, and {rule} makes an offer": "{word} 是对提醒说的，而 {rule} 发出优惠",
    "{word} is said of an offer, and {rule} raises an alert": "{word} 说的是优惠，而 {rule} 发出提醒",
    "1 test: {passed} passed, {failed} failed": "1 个测试：{passed} 个通过，{failed} 个失败",
    "{tests} tests: {passed} passed, {failed} failed": "{tests} 个测试：{passed} 个通过，{failed} 个失败",
    "{name}, at {time}": "{name}，第 {time}",
    "was not asked": "没有被询问",
    "{rule} fires in no test": "没有测试使 {rule} 触发",
    "in no test does `{condition}` alone keep {rule} silent": "没有测试只因 `{condition}` 使 {rule} 不触发",
    "{fired} of {rules} rules fired, {decided} of {items} conditions decided": (
        "{rules} 条规则中 {fired} 条触发过，{items} 个条件中 {decided} 个起过决定作用"
    ),
    "this test says what is heard, expected heard here too": "这个测试写的是接收到的信号，此处也应写 heard",
}

_TRY = {
    "unless": "除外条件成立",
    "error": "无法求值",
    "within": "超过时限",
    "cooldown": "冷却中",
    "the rules are not asked where a member is who does not agree to zones": "会员未同意区域用途，规则不看其所在位置",
    "the rules are not asked: this member pauses, or does not agree to be recognised": (
        "规则不会被询问：该会员已暂停，或未同意被识别"
    ),
    "unknown trust {name!r}, expected one of {known}": "未知的可信度 {name!r}，应为以下之一：{known}",
    "unknown zone {name!r}, expected one of {known}": "未知的区域 {name!r}，应为以下之一：{known}",
    "{name} is of another kind than {value}": "{name} 的类型与 {value} 不符",
    "{option} {text!r}: expected a name, = and JSON": "{option} {text!r}：应为名称、= 和 JSON",
    "{text!r} is no time, expected such as {now}": "{text!r} 不是时间，应如 {now}",
    ", and to {group} where nobody claims it in {seconds} s": "，{seconds} 秒内无人接则转给 {group}",
    "Empty lines keep what stands in brackets, - empties it; Ctrl-D ends.": (
        "直接回车保留方括号里的内容，- 清空，Ctrl-D 结束。"
    ),
    "Member, or nobody in particular": "会员，可不填",
    "They do not look at this: {rules}": "不看这件事的规则：{rules}",
    "Trust (hint, weak, fresh)": "可信度（hint、weak、fresh）",
    "What happens, such as arrived, dwell 6s, claimed serious, clock 20:30": (
        "发生什么，例如 arrived、dwell 6s、claimed serious、clock 20:30"
    ),
    "When, such as 2026-11-22 14:00, or now": "何时，例如 2026-11-22 14:00，或 now",
    "Zone ({zones})": "区域（{zones}）",
    "alert to {group}{later}: {text}": "提醒 {group}{later}：{text}",
    "no member has this id, and no visit this alias": "没有会员是这个编号，也没有到店是这个代号",
    "offer {offer} {payload}": "优惠 {offer} {payload}",
    "what happens? expected --on, such as --on 'dwell 6s'": "发生什么？请写 --on，例如 --on 'dwell 6s'",
}

_WATCH = {
    "card": "卡",
    "app": "应用",
    "phone": "手机",
    "guest Wi-Fi": "客用 Wi-Fi",
    "line": "行",
    "no": "无",
    "visit": "到店",
    "started": "开始",
    "moved": "移动",
    "ended": "结束",
    "sure to": "把握",
    "somewhere inside": "店内某处",
    "no zone": "无区域",
    "connected": "已连接",
    "the daemon ended, waiting for it": "守护进程已结束，等待它恢复",
    "the daemon is back": "守护进程已恢复",
    "condition": "条件不成立",
    "missing": "缺失",
    "cap": "已达上限",
    "quiet": "安静时段",
    "consent": "未同意",
    "choice": "会员自己的选择",
    "online": "在线",
    "degraded": "降级",
    "starting": "启动中",
    "hearing": "接收中",
    "off": "已关闭",
    "busy": "被占用",
    "denied": "没有权限",
    "failed": "故障",
    "deaf": "收不到信号",
}

_CAUSES = {
    "frames of others": "其他人的帧",
    "enrolled, without consent or paused": "已登记，但未同意或已暂停",
    "outside, without consent to zones": "在店外，且未同意“区域”",
    "app heard, without consent or paused": "应用报告，但未同意或已暂停",
    "claim from outside the group": "来自组外的认领",
    "fact beyond the most that are kept": "超出可保存数量的事实",
    "outcome that changes nothing": "没有带来变化的结果",
    "frames of our namespace that nobody may be known by": "属于本店命名空间、但不识别任何人的帧",
    "private addresses beyond the most that are tried": "超出可尝试数量的私有地址",
    "beacon or fixed station": "信标或固定设备",
    "out of reach": "超出范围",
    "without a device": "没有设备标识",
    "late": "迟到",
    "flood": "泛洪",
}

_REASONS = {
    "{rule}: no consent to {purpose}": "{rule}：未同意“{purpose}”",
    "no consent to {purpose}": "未同意“{purpose}”",
    "the member denies {what}": "会员拒绝 {what}",
    "the member wants only {what}": "会员只要 {what}",
    "at most {times} per visit": "每次到店最多 {times} 次",
    "at most {times} per rule": "这条规则每天最多 {times} 次",
    "at most {times} per {period}": "每{period}最多 {times} 次",
    "one alert to {group} a visit": "每次到店对 {group} 组只提醒一次",
    "one offer from {side} a visit": "每次到店在{side}只触发一次优惠",
    "one answer of {rule} a visit": "每次到店 {rule} 只应要求提醒一次",
    "one {sort} in {span} for who is not here": "不在店内的会员 {span} 内只有一次{sort}",
    "at most {times} {sort} a visit": "每次到店最多 {times} 次{sort}",
    "at most {times} {sort} a {period}": "每{period}最多 {times} 次{sort}",
    "{name} is not as declared": "{name} 与声明的类型不符",
    "{action} refused": "{action} 未被接受",
    "no device of group {group} is online": "组 {group} 没有设备在线",
    "rule file {name} is at fault: what was in force before stands": "规则文件 {name} 有误：沿用此前生效的内容",
    "receiver {name} is {state}: {why}": "接收器 {name} {state}：{why}",
    "receiver {name} is {state}": "接收器 {name} {state}",
    "not now, until {until}": "会员说了“现在不用”，到 {until} 为止",
    "cooldown of {span}": "冷却 {span}",
    "{what}; {note}": "{what}；{note}",
    "the visit has not come in, needs within {most}": "尚未进店，需要在 {most} 内",
    "{span} after coming in, needs within {most}": "进店已 {span}，需要在 {most} 内",
    "seen {span} ago, needs within {most}": "{span} 前见到，需要在 {most} 内",
    "{name} is stale ({age})": "{name} 已过期（{age}）",
    "quiet hours of the rule": "规则自己的安静时段",
    "cooldown of {span}, until {until}": "冷却 {span}，到 {until} 为止",
    "not redeemed, so once in {days} days": "优惠未被使用，因此 {days} 天一次",
    "alerts": "主动提醒",
    "offers": "优惠",
    "answers": "应要求的提醒",
    "{trust}, needs {needed} because {what} is private": "可信度为 {trust}，需要 {needed}，因为 {what} 是隐私",
    "{what} looks for a key that is missing": "{what} 查找的键不存在",
    "{what} cannot be evaluated: {why}": "{what} 无法求值：{why}",
    "{what}, expected true or false": "{what}，应为 true 或 false",
    "{what} holds": "{what} 成立",
    "{name} is {value}, needs {needs}": "{name} 为 {value}，需要 {needs}",
    "{name} is missing": "缺少 {name}",
    "{name} is {value}": "{name} 为 {value}",
    "{trust}, needs {needed}": "可信度为 {trust}，需要 {needed}",
    "quiet hours": "安静时段",
    "withheld": "不显示",
    "outside": "店外",
    "inside": "店内",
    "day": "天",
    "week": "周",
}

_TROUBLES = {
    "looking for the Bluetooth adapter": "正在寻找蓝牙适配器",
    "the D-Bus system bus refuses this user": "D-Bus 系统总线拒绝此用户",
    "the D-Bus system bus went away": "D-Bus 系统总线断开了",
    "the D-Bus system bus is not running": "D-Bus 系统总线没有运行",
    "the D-Bus system bus does not answer": "D-Bus 系统总线没有应答",
    "bluetoothd answers with the error {error}": "bluetoothd 应答出错：{error}",
    "no right to ask bluetoothd: the user must be in the group bluetooth": (
        "无权询问 bluetoothd：用户须在 bluetooth 组内"
    ),
    "there is no Bluetooth adapter for Low Energy": "没有支持低功耗的蓝牙适配器",
    "there is no Bluetooth adapter {adapter}": "没有蓝牙适配器 {adapter}",
    "no right to scan on {adapter}: the user must be in the group bluetooth": (
        "无权在 {adapter} 上扫描：用户须在 bluetooth 组内"
    ),
    (
        "BlueZ offers no passive scan on {adapter}: write `Experimental = true` into /etc/bluetooth/main.conf and "
        "restart bluetoothd, or take `scan: active`"
    ): (
        "BlueZ 不在 {adapter} 上提供被动扫描：在 /etc/bluetooth/main.conf 写入 `Experimental = true` 并重启 "
        "bluetoothd，或改用 `scan: active`"
    ),
    "BlueZ does not answer when asked to scan on {adapter}": "请求在 {adapter} 上扫描时 BlueZ 没有应答",
    "BlueZ gave up the passive scan on {adapter}": "BlueZ 放弃了 {adapter} 上的被动扫描",
    "BlueZ refuses to scan on {adapter}: {error}": "BlueZ 拒绝在 {adapter} 上扫描：{error}",
    "{adapter} is busy with another scan": "{adapter} 正忙于另一次扫描",
    "{adapter} is not ready: switched off, or just starting": "{adapter} 未就绪：已关闭，或刚启动",
    "{adapter} is blocked; `rfkill unblock bluetooth` frees it": "{adapter} 被禁用；`rfkill unblock bluetooth` 可解除",
    "{adapter} does not scan, although BlueZ began a scan on it": "{adapter} 不在扫描，尽管 BlueZ 已开始扫描",
    "{adapter} is switched off": "{adapter} 已关闭",
    "{adapter} is gone": "{adapter} 不见了",
    "looking for the interface {interface}": "正在寻找接口 {interface}",
    "there is no interface {interface}": "没有接口 {interface}",
    "{what}, and the kernel's nl80211 cannot be reached": "{what}，且无法使用内核的 nl80211",
    "{what}, and is no Wi-Fi interface": "{what}，且不是 Wi-Fi 接口",
    "{interface} is not in monitor mode (link type {link}, not {wanted})": (
        "{interface} 不在监听模式（链路类型 {link}，应为 {wanted}）"
    ),
    "{way} carries this machine's own network: take another adapter": "{way} 承载本机自己的网络：请换一个适配器",
    "{interface} shares its radio with {other}, which": "{interface} 与 {other} 共用无线电，后者",
    "no right to capture on {interface}: the service needs CAP_NET_RAW": (
        "无权在 {interface} 上抓包：服务需要 CAP_NET_RAW"
    ),
    "no right to listen with {interface}: the service needs CAP_NET_ADMIN": (
        "无权用 {interface} 监听：服务需要 CAP_NET_ADMIN"
    ),
    "{interface} is down; `ip link set {again} up` starts it": "{interface} 未启用；`ip link set {again} up` 可启用",
    "{interface} is connected to a network or serves one: take another adapter": (
        "{interface} 已连接网络或正在提供网络：请换一个适配器"
    ),
    "{interface} cannot do monitor mode: take another adapter": "{interface} 不支持监听模式：请换一个适配器",
    "the radio of {interface} is blocked; `rfkill unblock wlan` frees it": (
        "{interface} 的无线电被禁用；`rfkill unblock wlan` 可解除"
    ),
    "the radio of {interface} is in use for something else": "{interface} 的无线电正作他用",
    "the radio of {interface} is another receiver's already: take another adapter": (
        "{interface} 的无线电已归另一接收器：请换一个适配器"
    ),
    "the radio of {interface} went down": "{interface} 的无线电停了",
    "capture on {interface} fails with the error {error}": "在 {interface} 上抓包出错：{error}",
    "looking for hostapd at {path}": "正在 {path} 寻找 hostapd",
    "no right to talk to hostapd at {path}: its ctrl_interface_group must be one of this user's": (
        "无权在 {path} 与 hostapd 通信：其 ctrl_interface_group 须为此用户所属的组"
    ),
    "hostapd refuses to tell of stations at {path}": "hostapd 拒绝在 {path} 告知已连接的设备",
    "hostapd does not answer at {path}": "hostapd 在 {path} 没有应答",
    "hostapd has begun anew at {path}": "hostapd 在 {path} 重新启动了",
    "hostapd has no control socket {path}": "hostapd 没有控制套接字 {path}",
    "hostapd has left its control socket {path}": "hostapd 离开了控制套接字 {path}",
    "hostapd is ending": "hostapd 正在结束",
    "{path} is a folder: name the socket in it, such as {example}": "{path} 是文件夹：请写其中的套接字，例如 {example}",
    "the control socket {path} fails: {error}": "控制套接字 {path} 出错：{error}",
    "the access point is off the air: hostapd calls itself {state}": "接入点已停播：hostapd 自称 {state}",
    "looking for the antenna": "正在寻找天线",
    "no antenna listens at {path}": "{path} 处没有天线",
    "the driver failed ({error})": "驱动出错（{error}）",
    "nothing is heard, for far longer than is usual": "什么也收不到，远比平常久",
    "nothing is heard, not even the reference beacon": "什么也收不到，连参考信标也没有",
    "nothing is heard since the start, not even the reference beacon": "启动以来什么也收不到，连参考信标也没有",
    "the reference beacon is not heard, though others are: see to its battery and its place": (
        "收不到参考信标，却能收到其他的：请检查它的电池和位置"
    ),
    (
        "receiver {name}: the reference beacon is {decibels} dB louder than it was, for an hour: "
        "see whether it or the receiver was moved or covered, then calibrate anew"
    ): ("接收器 {name}：参考信标一小时来比以前强 {decibels} dB：请看它或接收器是否被移动或遮挡，然后重新标定"),
    (
        "receiver {name}: the reference beacon is {decibels} dB quieter than it was, for an hour: "
        "see whether it or the receiver was moved or covered, then calibrate anew"
    ): ("接收器 {name}：参考信标一小时来比以前弱 {decibels} dB：请看它或接收器是否被移动或遮挡，然后重新标定"),
    "there is no copy of the members": "没有会员的备份",
    "{count} members are restored": "已恢复 {count} 位会员",
    "the database was damaged and is set aside as {file}; a new one is begun, {members}": (
        "数据库已损坏，另存为 {file}；已新建一个，{members}"
    ),
}

_EXPLAIN = {
    "{subject}: no decision about it is kept": "{subject}：没有保存与它有关的决定",
    "nothing is kept yet: the gateway has not run": "尚未保存任何内容：网关还没有运行过",
    "No decision at all, since the gateway started:": "网关启动以来，没有形成决定的：",
    "Why not, and how often:": "为什么没有，各多少次：",
    "event at {time}, trust {trust}": "事件时间 {time}，可信度 {trust}",
    "fired": "触发",
    "heard": "收到",
    "read": "读取",
    "rule": "规则",
    "cap: {cap}, used {used} of {most}": "上限：{cap}，已用 {used}，最多 {most}",
    "item {item} of if": "if 第 {item} 项",
    "{count} frames": "{count} 帧",
    "{count} decisions": "{count} 个决定",
    "a member was erased, {count} decisions went": "删除了一位会员，随之删去 {count} 个决定",
    "as it was": "与当时一致",
    "past its retention": "已过保存期",
    "CHANGED": "被改动",
    "CHAIN BROKEN": "摘要链断裂",
    "{date} has {count} decisions now": "{date} 现有 {count} 个决定",
    "{count} entries cannot be read": "{count} 条摘要无法读取",
    "{count} decisions were added to days that were closed without them": "已结束的日子里多出 {count} 个决定",
    "the text of a rule is not what was kept: {text}": "规则原文与保存时不一致：{text}",
    "all is as it was": "全部与当时一致",
    "this is not as it was": "与当时不一致",
}

_ENROL = {
    "Hold the card to the receiver {receiver} ...": "请把卡贴近接收器 {receiver} ……",
    "Found: {card}": "找到：{card}",
    "Does the member agree? [y/N]": "会员同意吗？[y/N]",
    "Enrolled as {member}": "已登记：{member}",
    "an app needs the chain's namespace, set beacons.namespace in the configuration": (
        "手机应用需要连锁命名空间，请在配置中设置 beacons.namespace"
    ),
    "a key to the Wi-Fi needs guest.keys, and ssid at the receiver that guest names": (
        "Wi-Fi 密钥需要 guest.keys，以及 guest 所指接收器的 ssid"
    ),
    "the member did not agree, nothing was enrolled": "会员没有同意，未登记",
    "the daemon ended before a card was found": "还没找到卡，守护进程就结束了",
    "no Bluetooth receiver is configured to hold a card to": "配置里没有可以贴卡的蓝牙接收器",
}

_CALIBRATE = {
    "Found. Carry it from now on as customers do: in a pocket or a bag, not in the hand.": (
        "找到了。从现在起像顾客那样带着它：放在口袋或包里，不要拿在手上。"
    ),
    "Where customers stand in it: walk slowly to and fro, your face to {receiver}.": (
        "到顾客平常站的地方，慢慢来回走，面朝 {receiver}。"
    ),
    "The same place: walk slowly to and fro, your back to {receiver}.": "还在这里，慢慢来回走，背对 {receiver}。",
    "At its edge, the farthest from {receiver} that belongs to it: along it, your face to {receiver}.": (
        "到离 {receiver} 最远、还算这个区域的边上，沿着边走，面朝 {receiver}。"
    ),
    "Along the same edge, your back to {receiver}.": "沿着同一条边走，背对 {receiver}。",
    "Press Enter there ({seconds:g} s) ...": "到了请按回车（{seconds:g} 秒）……",
    "nothing was heard": "什么也没收到",
    "That is too little. Is the tag awake? Again, please.": "收到的太少。标签醒着吗？请再来一次。",
    "too little is heard of the tag; one that sends twice a second is needed, nothing was written": (
        "收到的标签信号太少，需要每秒发两次的标签；什么都没有写入"
    ),
    "the walk was broken off, nothing was written": "走到一半中断了，什么都没有写入",
    "the daemon ended": "守护进程结束了",
    "no receiver {receiver!r} is configured": "没有配置接收器 {receiver!r}",
    "no Bluetooth receiver holds a zone by its level, so there is nothing to calibrate": (
        "没有哪个区域用蓝牙接收器的信号强度划分，没有可校准的"
    ),
    "{zone} is held by no Bluetooth level and is left as it is": "{zone} 不用蓝牙信号强度划分，保持原样",
    "What {receiver} hears (dBm); | is where a zone begins:": "{receiver} 收到的强度（dBm）；| 是区域的起点：",
    "How much louder {one} is than {other} (dB):": "{one} 比 {other} 强多少（dB）：",
    "{zone}: {receiver} heard too little there, its level is left; see that it hears (hushbell watch)": (
        "{zone}：{receiver} 在那里收到的太少，强度保持原样；请看它是否在接收（hushbell watch）"
    ),
    "{zone} at {receiver}: {level:.0f} dBm in the middle": "{zone}，{receiver}：中间 {level:.0f} dBm",
    ", {level:.0f} at the edge": "，边上 {level:.0f}",
    ", a body takes {db:.0f} dB": "，身体挡掉 {db:.0f} dB",
    "{one} and {other} can be told apart, with {share:.0%} of seconds on the wrong side": (
        "{one} 和 {other} 分得开，{share:.0%} 的时间落在错的一边"
    ),
    "{one} and {other} CANNOT be told apart: {share:.0%} of seconds on the wrong side": (
        "{one} 和 {other} 分不开：{share:.0%} 的时间落在错的一边"
    ),
    "All zones that were heard can be told apart.": "收到信号的区域都分得开。",
    "Both are as loud at {receiver}, and a body takes as much as a few steps: give one of them a receiver of its own, "
    "or make them one zone.": (
        "两处在 {receiver} 听来一样强，身体一挡就抵得上几步路：请给其中一个单独的接收器，或把两处并成一个区域。"
    ),
    "{one} and {other} hear both alike: move them further apart, each to chest height in the midst of its zone, or "
    "make the two one zone.": (
        "{one} 和 {other} 听两处都差不多：请把它们移得更远，各自放在自己区域中间、齐胸高的地方，或把两处并成一个区域。"
    ),
    "The right zone on this walk: {was} of the time as set now, {will} as proposed": (
        "这一趟里区域判断正确的时间：按现在的设置 {was}，按建议 {will}"
    ),
    "What is set now did better on this walk: keep it, or walk again.": (
        "这一趟里现在的设置更好：保持原样，或再走一趟。"
    ),
    "put these levels into the configuration by hand:": "请手工把这些强度写进配置：",
    "The levels are right as they are.": "强度不用改。",
    "Write this into the configuration? [y/N]": "写进配置吗？[y/N]",
    "Nothing was written.": "什么都没有写入。",
    "Written; the old file is kept as {kept}. Restart the daemon to use it.": (
        "已写入；旧文件保存为 {kept}。重启守护进程后生效。"
    ),
    "somebody changed it meanwhile, nothing was written": "这期间有人改过它，什么都没有写入",
    "--heard needs --marks FILE, which says when you stood where": "--heard 需要 --marks FILE，写明你何时站在哪里",
    "{count} tags were heard at these times, name yours with --tag": (
        "这段时间收到 {count} 个标签，请用 --tag 说明哪个是你的"
    ),
    "more than {most} frames of tags were recorded, name fewer files": "标签记录超过 {most} 条，请减少文件",
    "--tag: expected UUID/MAJOR/MINOR, or an AltBeacon's or Eddystone's id in hex digits": (
        "--tag：应为 UUID/MAJOR/MINOR，或 AltBeacon、Eddystone 的十六进制编号"
    ),
    "expected the header {header}": "应有表头 {header}",
    "nothing is marked": "没有任何标记",
    "more than {most} lines": "超过 {most} 行",
    "{column}: expected one of {words}": "{column}：应为以下之一：{words}",
    "from, until: expected times such as 2026-11-22T14:05:30": "from、until：应为 2026-11-22T14:05:30 这样的时间",
    "until: expected a time after from, by an hour at most": "until：应晚于 from，最多一小时",
    "expected a header such as time,inside or time,inside,passing": "应有表头，例如 time,inside 或 time,inside,passing",
    "not UTF-8 text, expected a hand count as CSV": "不是 UTF-8 文本，应为手工计数的 CSV",
    "{error}, expected a hand count as CSV": "{error}，应为手工计数的 CSV",
    "this is no time, expected one such as 2026-11-22T14:05": "这不是时间，应为 2026-11-22T14:05 这样的时间",
    "{place} is no number of people": "{place} 不是人数",
    "nothing was heard at the times that were counted": "计数的时间里什么也没收到",
    "nobody was counted, or nothing was heard of them; count while people are there": (
        "没有数到人，或没有收到他们的信号；请在有人的时候计数"
    ),
    "put this into the configuration by hand:": "请手工把这些写进配置：",
    "{place}: {quarters} quarter hours of {days} days, 0 to {busiest:g} people, by {source}; off by {error:.1f}, "
    "{within:.0%} within the interval": (
        "{place}：{days} 天共 {quarters} 个一刻钟，0 到 {busiest:g} 人，依据 {source}；平均差 {error:.1f} 人，"
        "{within:.0%} 落在区间内"
    ),
    "{place}: count on {days} days at least, a quiet and a busy one among them; days differ": (
        "{place}：至少要数 {days} 天，其中有清闲的和忙碌的；每天不一样"
    ),
}

_BUZZ = {
    "no group {group!r} is configured, expected one of {known}": "没有配置名为 {group!r} 的组，应为以下之一：{known}",
    "No device of group {group} is online; buzzing for {seconds:.0f} s ...": (
        "组 {group} 没有设备在线；仍试铃 {seconds:.0f} 秒……"
    ),
    "Buzzing {devices} for {seconds:.0f} s: claim the alert on each ...": (
        "{devices} 试铃 {seconds:.0f} 秒：请在每台设备上接单……"
    ),
    "{device} answered after {seconds:.1f} s": "{device} {seconds:.1f} 秒后应答",
    "{device} too, after {seconds:.1f} s": "{device} 也应答了，{seconds:.1f} 秒后",
    "{device} is online and did not answer": "{device} 在线，但没有应答",
    "no device of group {group} answered": "组 {group} 没有设备应答",
}

_SANDBOX = {
    "A shop on {url}: MQTT 5, no password": "一家店，在 {url}：MQTT 5，无需密码",
    "{members} members, one comes by every {seconds:.1f} s. Stop with Ctrl-C.": (
        "会员 {members} 位，每 {seconds:.1f} 秒来一位。按 Ctrl-C 结束。"
    ),
    "who comes, moves and leaves": "谁来了、换区、走了",
    "what the two badges show, claimed or expired": "两块胸牌上的提醒，被接下或过期",
    "offers at the window; answer on outcomes": "橱窗前的优惠；结果回到 outcomes",
    "everybody else, each quarter of an hour; next in {minutes} min": "其余的人，每刻钟一报；下次在 {minutes} 分钟后",
    "how the gateway fares, retained": "网关的状态，保留消息",
    "From a shell: {command}": "在终端里看：{command}",
    "Some who come carry a card that nobody knows: put examples/member.json with members.put.": (
        "有人带着一张谁也不认识的卡：用 members.put 登记 examples/member.json。"
    ),
    "somebody unknown": "不认识的人",
    "passes by": "路过",
    "stops at the window": "停在橱窗前",
    "comes in": "进店",
    "comes in and looks at shoes": "进店，看童鞋",
}

_SCENES = {
    "Listen in from a second terminal:": "在另一个终端里旁听：",
    "said": "发出",
    "silence": "安静",
    "{device} takes it": "{device} 接下了",
    "nobody is there; {group} is alerted instead": "没有人在；改为提醒 {group}",
    "cleared: {reason}": "已消掉：{reason}",
    "not now": "现在不需要",
    "A member comes back": "会员回来了",
    "a card outside, and then at the door": "一张卡先在门外，然后到了门口",
    "Who goes to them": "谁去招呼",
    "two badges claim the same alert; the first one gives it back": "两块胸牌抢同一单；先抢到的又让出来",
    "A frequent passer-by at the window": "橱窗前的常客",
    "a card that passed four times stands at the window, while nothing is new": "路过四次的卡停在橱窗前，店里没有新品",
    "the back end: there are new arrivals; the card comes again": "后台说：到新品了；这张卡又来了",
    "An occasional passer-by": "偶尔路过的人",
    "a card that seldom passes stands at the window": "很少路过的卡停在橱窗前",
    "A loyal member is invited to a trial": "请老会员试新品",
    "a card whose member has points enough passes": "积分够多的会员的卡路过",
    "the back end, by the offer's token: redeemed": "后台按优惠的凭证说：已兑换",
    "Within 3 km: clearance": "三公里内：清仓",
    "the next shop, 1.1 km off: the member was here ten minutes ago": "1.1 公里外的分店说：会员十分钟前在这里",
    "Within 3 km: a demonstration with few places": "三公里内：名额有限的演示",
    "the same, of a member who came in lately": "同样的话，说的是最近进过店的会员",
    "Straight to the shelf": "直奔货架",
    "a card at the door, and then for six seconds at a shelf that its member likes": (
        "一张卡到门口，然后在会员喜欢的货架前停了六秒"
    ),
    "At the new item": "新品跟前",
    "a card for six seconds at the shelf with what is featured": "一张卡在主推货架前停了六秒",
    "The designer": "设计师",
    "badge-1 claims a member's alert: it is serious": "badge-1 接单，说：是认真的",
    "Here for today's event": "来参加今天的活动",
    "a card at the door, of who signed up for today; and once more later": "报名今天活动的会员的卡到门口；过后又来一次",
    "Stored value runs low": "储值快用完",
    "a card at the counter, whose stored value runs low": "储值快用完的会员的卡到收银台",
    "the cashier's device is switched on, and claims": "收银台的设备开机，接下",
    "The members' own lists": "会员自己的名单",
    "two cards at the door: one member wants no alerts, the other pauses today": (
        "两张卡到门口：一位不要提醒，另一位今天暂停"
    ),
    "of the other no message and no row": "另一位，没有消息，也没有一行记录",
    "Never pester": "从不打扰",
    "badge-1 passes on: not now; the member comes again later": "badge-1 转告：现在不需要；会员过后又来",
    "A mystery shopper": "神秘顾客",
    "the card of a mystery shopper at the door": "神秘顾客的卡到门口",
}

_DOCTOR = {
    "ok": "正常",
    "advice": "建议",
    "none": "无",
    "{missing} missing, {advice} to consider, {ok} well": "缺失 {missing} 项，建议 {advice} 项，正常 {ok} 项",
    "{file} is valid": "{file} 有效",
    "{file} is valid, with warnings: {count}": "{file} 有效，有 {count} 条警告",
    "{file}: faults in its rules: {count}": "{file}：规则里有 {count} 处错误",
    "this user may not ask bluetoothd: it is not in the group bluetooth": (
        "当前用户不在 bluetooth 组，无权询问 bluetoothd"
    ),
    "the D-Bus system bus is not running, and without it no Bluetooth": "D-Bus 系统总线没有运行，蓝牙无法使用",
    "bluetoothd does not answer": "bluetoothd 没有应答",
    "BlueZ is not installed, and without it no Bluetooth": "没有安装 BlueZ，蓝牙无法使用",
    "bluetoothd is not running": "bluetoothd 没有运行",
    "BlueZ {version} is older than any Hushbell was tried with": "BlueZ {version} 太旧，Hushbell 没有在上面试过",
    "BlueZ {version} runs; passive scanning would work too": "BlueZ {version} 正在运行，也可以被动扫描",
    "BlueZ {version} runs; passive scanning, which zones do not need, would need Experimental = true in "
    "/etc/bluetooth/main.conf": (
        "BlueZ {version} 正在运行；被动扫描需要在 /etc/bluetooth/main.conf 里写 Experimental = true，划分区域用不着它"
    ),
    "{receiver}: {adapter} is blocked": "{receiver}：{adapter} 被屏蔽",
    "{receiver}: {adapter} is the adapter of {other} already, take another": (
        "{receiver}：{adapter} 已由接收器 {other} 使用，请换用另一个"
    ),
    "{receiver}: {interface} is on the radio of {other} already, take another": (
        "{receiver}：{interface} 所在的无线硬件已由接收器 {other} 使用，请换用另一个"
    ),
    "{receiver}: {adapter} is switched off": "{receiver}：{adapter} 已关闭",
    "{receiver}: {adapter} is there and on": "{receiver}：{adapter} 已接入并开启",
    "{receiver}: there is no Bluetooth adapter {wanted}, this machine has {names}": (
        "{receiver}：没有蓝牙适配器 {wanted}，本机有 {names}"
    ),
    "{receiver}: the Pi's own Bluetooth is disabled in {file}": "{receiver}：树莓派自带的蓝牙在 {file} 里被禁用",
    "{receiver}: there is no Bluetooth adapter for Low Energy, plug one in": (
        "{receiver}：没有支持低功耗的蓝牙适配器，请插上一个"
    ),
    "can listen: {names}": "能监听：{names}",
    "cannot listen: {names}": "不能监听：{names}",
    "may be able to listen: {names}": "也许能监听：{names}",
    "no Wi-Fi interface here can listen; plug in a USB adapter with one of these chips: {chips}": (
        "本机没有能监听的 Wi-Fi 网卡，请插上使用以下芯片之一的 USB 网卡：{chips}"
    ),
    "{receiver}: there is no Wi-Fi interface {interface}, this machine has {names}": (
        "{receiver}：没有 Wi-Fi 网卡 {interface}，本机有 {names}"
    ),
    "{receiver}: {interface} is in monitor mode and up": "{receiver}：{interface} 处于监听模式并已启用",
    "{receiver}: {interface} carries this machine's own network, take another": (
        "{receiver}：{interface} 是本机自己上网用的网卡，请换一块"
    ),
    "{receiver}: {interface} is down": "{receiver}：{interface} 没有启用",
    "{receiver}: {interface} cannot do monitor mode (driver {driver}), take another": (
        "{receiver}：{interface} 不支持监听模式（驱动 {driver}），请换一块"
    ),
    "{receiver}: {interface} shares its radio with this machine's own network, take another": (
        "{receiver}：{interface} 与本机自己上网用的网卡共用一个无线模块，请换一块"
    ),
    "{receiver}: {interface} is connected to a network or serves one, take another": (
        "{receiver}：{interface} 已连接网络或正在提供网络，请换一块"
    ),
    "{receiver}: whether {interface} can do monitor mode is not known, iw would tell": (
        "{receiver}：不清楚 {interface} 是否支持监听模式，装上 iw 就能知道"
    ),
    "{receiver}: Hushbell will make an interface in monitor mode beside {interface}": (
        "{receiver}：Hushbell 会在 {interface} 旁边建一个监听模式的网卡"
    ),
    "{receiver}: {user} may not make an interface in monitor mode (CAP_NET_ADMIN)": (
        "{receiver}：{user} 无权建监听模式的网卡（CAP_NET_ADMIN）"
    ),
    "the air is used by the rules of {country}": "无线电按 {country} 的规定使用",
    "no country is set for Wi-Fi, so some channels may be closed": "没有设置 Wi-Fi 国家，部分信道可能不能用",
    "for which country Wi-Fi is set cannot be told": "无法得知 Wi-Fi 设置的国家",
    "{receiver}: its radio is not blocked": "{receiver}：无线硬件没有被屏蔽",
    "{receiver}: its radio is blocked by software": "{receiver}：无线硬件被软件屏蔽",
    "{receiver}: its radio is off by a switch or key of the machine": "{receiver}：无线硬件被机器上的开关或按键关闭",
    "the service runs as {user}, and there is no such user": "服务以用户 {user} 运行，而没有这个用户",
    "{user} may capture Wi-Fi (CAP_NET_RAW)": "{user} 可以捕获 Wi-Fi（CAP_NET_RAW）",
    "{user} may not capture Wi-Fi (CAP_NET_RAW)": "{user} 无权捕获 Wi-Fi（CAP_NET_RAW）",
    "{user} may use Bluetooth": "{user} 可以使用蓝牙",
    "{user} is not in the group bluetooth, which some systems ask for": (
        "{user} 不在 bluetooth 组，有些系统要求在这个组里"
    ),
    "{receiver}: {user} may not change channels (CAP_NET_ADMIN), so {interface} stays on the one it is on": (
        "{receiver}：{user} 无权切换信道（CAP_NET_ADMIN），{interface} 停在当前信道"
    ),
    "{receiver}: hostapd answers on {control}": "{receiver}：hostapd 在 {control} 上有应答",
    "{receiver}: hostapd is not installed": "{receiver}：没有安装 hostapd",
    "{receiver}: there is no {control}; hostapd does not run, or its ctrl_interface is elsewhere": (
        "{receiver}：没有 {control}；hostapd 没有运行，或它的 ctrl_interface 在别处"
    ),
    "{receiver}: {control} is a folder, name the socket in it": ("{receiver}：{control} 是文件夹，请写出里面的套接字"),
    "{receiver}: nobody listens on {control}, hostapd has ended": "{receiver}：{control} 无人监听，hostapd 已经退出",
    "{receiver}: hostapd does not answer on {control}": "{receiver}：hostapd 在 {control} 上没有应答",
    "{receiver}: this user may not speak with hostapd on {control}": (
        "{receiver}：当前用户无权通过 {control} 与 hostapd 通信"
    ),
    "{receiver}: hostapd answers us on {control}, and would not answer {user}": (
        "{receiver}：hostapd 在 {control} 上应答我们，却不会应答 {user}"
    ),
    "the broker at {address} takes {user}": "{address} 的消息服务器接受 {user}",
    "the broker at {address} lets {user} in, and refuses what it says: {reason}": (
        "{address} 的消息服务器让 {user} 连接，却拒绝它发的消息：{reason}"
    ),
    "a client without a user name": "没有用户名的客户端",
    "the clock is synchronised": "时钟已同步",
    "whether the clock is synchronised cannot be told": "无法得知时钟是否同步",
    "the clock is not synchronised: hours, counts of visits and trust depend on it": (
        "时钟没有同步：营业时间、来访次数和可信度都靠它"
    ),
    "the time zone {timezone} is known": "时区 {timezone} 可用",
    "blocked": "被锁定",
    "on": "已开启",
    "off": "已关闭",
    "no Low Energy": "不支持低功耗蓝牙",
    "can scan actively": "可主动扫描",
    "can scan actively and passively": "可主动和被动扫描",
    "{receiver}: BlueZ lets nobody scan passively on {adapter}, which scan: passive needs": (
        "{receiver}：BlueZ 不允许在 {adapter} 上被动扫描，而 scan: passive 需要它"
    ),
    "{user} may start bluetoothd anew where a radio stays deaf": "接收器一直听不到时，{user} 可以重启 bluetoothd",
    "{user} may not start bluetoothd anew where a radio stays deaf, the last thing that may help": (
        "接收器一直听不到时，最后的办法是重启 bluetoothd，而 {user} 无权这样做"
    ),
    "{receiver}: its reference beacon shows within 20 s when it is deaf": (
        "{receiver}：听不到时，参照信标会在 20 秒内让人知道"
    ),
    "{receiver}: silence in opening hours shows when it is deaf": "{receiver}：营业时间内的静默会显示它听不到",
    "{receiver}: whether it is deaf or the shop quiet shows after hours only; write opening_hours": (
        "{receiver}：是听不到还是店里安静，要几小时才看得出来，请写上 opening_hours"
    ),
    "{receiver}: whether it is deaf or the shop quiet shows after hours only; give it a reference beacon, or "
    "write opening_hours": (
        "{receiver}：是听不到还是店里安静，要几小时才看得出来，请给它配参照信标，或写上 opening_hours"
    ),
    "{receiver}: with the driver {driver} Linux 6.17 and later may hear nothing and not say so; where this "
    "receiver stays silent, take an adapter with one of these chips: {chips}": (
        "{receiver}：驱动 {driver} 在 Linux 6.17 及以后可能什么也听不到，也不报错；"
        "若这个接收器一直静默，请换用这些芯片之一的网卡：{chips}"
    ),
    "only Python's own copy knows the time zone {timezone}, which the system's updates do not renew": (
        "只有 Python 自带的数据里有时区 {timezone}，系统更新不会更新它"
    ),
    "bluetoothd keeps what it hears of strangers in memory": "bluetoothd 听到的陌生人信息只留在内存",
    "bluetoothd writes names and addresses of strangers to the disk, below {folder}": (
        "bluetoothd 会把陌生人的设备名和地址写到磁盘，在 {folder} 下"
    ),
    "nothing in memory is swapped to a disk": "内存内容不会换出到磁盘",
    "memory, and with it strangers' addresses, is swapped to a disk: {devices}": (
        "内存（包括陌生人的地址）会换出到磁盘：{devices}"
    ),
    "at a crash of bluetoothd its memory would go to {handler}, whatever limits are set": (
        "bluetoothd 崩溃时，无论怎样限制，内存都会交给 {handler}"
    ),
    "a crash of the service would write its memory to a file": "服务崩溃时会把内存写进文件",
    "a crash would write memory to a file": "崩溃时会把内存写进文件",
    "a crash leaves no memory on a disk": "崩溃不会把内存留在磁盘上",
    "{folder} can be written, {free} MB are free": "{folder} 可写，剩余 {free} MB",
    "{folder} has only {free} MB left": "{folder} 只剩 {free} MB",
    "{user} may not write these in {folder}: {names}": "{user} 无权写 {folder} 里的这些文件：{names}",
    "{folder} is a file, where the state needs a folder": "{folder} 是文件，而状态需要一个文件夹",
    "{folder} lies on a disk that is mounted read-only": "{folder} 所在的磁盘以只读方式挂载",
    "{user} may not write {folder}": "{user} 无权写 {folder}",
    "{folder} is not there, and {user} may not make it": "没有 {folder}，{user} 也无权创建",
    "the file system on {device} met {errors} errors: replace the card": "{device} 的文件系统出错 {errors} 次，请换卡",
    "{device} has used up to {percent} % of its life: replace it soon": "{device} 的寿命最多已用 {percent} %，请更换",
    "{device} has used up to {percent} % of its life": "{device} 的寿命最多已用 {percent} %",
    "the SD card {device} holds the state and tells no wear; cards for dash cams, or an SSD, last longer": (
        "状态存在 SD 卡 {device} 上，它不报告磨损；行车记录仪用的卡或 SSD 更耐用"
    ),
    "the supply gives enough voltage": "供电电压正常",
    "the supply gives too little voltage now: radios fail, use the Pi's own supply and cable": (
        "现在供电电压不足，无线硬件会失灵，请用树莓派原装电源和线"
    ),
    "the supply gave too little voltage since the start: use the Pi's own supply and cable": (
        "开机以来供电电压曾不足，请用树莓派原装电源和线"
    ),
}

_LINK = {
    "not yet connected": "尚未连接",
    "closed": "已关闭",
    "nobody knows the name {host}": "无法解析名称 {host}",
    "the name {host} cannot be looked up: there is no network, or no name server that answers": (
        "查不到名称 {host}：没有网络，或没有应答的域名服务器"
    ),
    "no broker listens at {address}": "{address} 没有消息服务器在监听",
    "no network leads to {address}": "没有网络通往 {address}",
    "{address} does not answer": "{address} 没有应答",
    "there is no socket {address}": "没有套接字 {address}",
    "this user may not open the socket {address}": "当前用户无权打开套接字 {address}",
    "{address} is not reached: {reason}": "连不上 {address}：{reason}",
    "{address} speaks no TLS, which {scheme} needs": "{address} 不支持 TLS，而 {scheme} 需要它",
    "no TLS with {address}: {reason}": "与 {address} 无法建立 TLS：{reason}",
    "the certificate of {address} is not trusted ({reason}); ca_file names who vouches for it": (
        "{address} 的证书不受信任（{reason}）；请用 ca_file 写明签发者的证书"
    ),
    "the certificate of {address} has expired, by this machine's clock, which says {now}": (
        "按本机时钟（{now}），{address} 的证书已经过期"
    ),
    "the certificate of {address} is not valid yet, by this machine's clock, which says {now}": (
        "按本机时钟（{now}），{address} 的证书尚未生效"
    ),
    "the certificate of {address} is for another name than {host}": "{address} 的证书不是发给 {host} 的",
    "{address} demands a certificate of us, which cert_file and key_file would name": (
        "{address} 要求我们出示证书，请用 cert_file 和 key_file 写明"
    ),
    "{address} refuses our certificate: {reason}": "{address} 不接受我们的证书：{reason}",
    "the file {file} is not there": "文件 {file} 不存在",
    "the file {file} is not for this user to read": "当前用户无权读取文件 {file}",
    "the file {file} cannot be read as text": "文件 {file} 不能作为文本读取",
    "the file {file} holds no certificate or key in PEM": "文件 {file} 里没有 PEM 格式的证书或密钥",
    "the key in {file} does not belong to the certificate in {certificate}": (
        "{file} 里的密钥与 {certificate} 里的证书不配对"
    ),
    "the key in {file} is locked with a password; one that lies open, for its owner only, is needed": (
        "{file} 里的密钥带密码；需要不带密码、只有所有者能读的密钥"
    ),
    "{address} opens no WebSocket at {path}: {reason}": "{address} 在 {path} 没有打开 WebSocket：{reason}",
    "{address} speaks TLS, which mqtts or wss would too": "{address} 使用 TLS，请改用 mqtts 或 wss",
    "{address} speaks HTTP, which ws or wss would too": "{address} 使用 HTTP，请改用 ws 或 wss",
    "the broker at {address} speaks MQTT 3.1.1 and not MQTT 5, which Hushbell needs": (
        "{address} 的消息服务器只支持 MQTT 3.1.1，不支持 Hushbell 需要的 MQTT 5"
    ),
    "{address} takes the connection and says nothing": "{address} 接受连接却不说话",
    "{address} hung up without a greeting": "{address} 没有应答就挂断了",
    "what {address} says is no MQTT 5": "{address} 说的不是 MQTT 5",
    "the broker at {address} refuses {user}: {reason}": "{address} 的消息服务器拒绝 {user}：{reason}",
    "the broker at {address} sends us to {server}, where nobody goes unless mqtt.url says so": (
        "{address} 的消息服务器让我们改连 {server}；除非写进 mqtt.url，否则不会去"
    ),
    "the broker at {address} lacks {what}, which Hushbell needs": "{address} 的消息服务器没有 Hushbell 需要的{what}",
    "the broker ended the connection: {reason}": "消息服务器结束了连接：{reason}",
    "the connection was lost": "连接断开",
    "the broker does not acknowledge": "消息服务器没有确认收到",
    "the broker fell silent": "消息服务器没有声音了",
    "taken": "已收下",
    "it ended with the will": "以遗嘱结束",
    "nobody subscribes to it": "没有人订阅",
    "it gives no reason": "没有说明原因",
    "it cannot read what we sent": "它读不懂我们发的内容",
    "it holds what we sent to be against the protocol": "它认为我们发的内容违反协议",
    "for a reason of its own": "出于它自己的原因",
    "it speaks no MQTT 5": "它不支持 MQTT 5",
    "it does not take our client id": "它不接受我们的客户端标识",
    "user or password is wrong": "用户名或密码错误",
    "the user may not do this": "该用户无此权限",
    "user or password is wrong, or the user may not do this": "用户名或密码错误，或该用户无此权限",
    "it is not at work": "它没有在工作",
    "it is busy": "它正忙",
    "this client is banned": "这个客户端被禁止",
    "it is shutting down": "它正在关闭",
    "it wants another way of signing on": "它要求另一种登录方式",
    "it heard nothing of us for too long": "它太久没有收到我们的消息",
    "somebody else signed on with our client id; do two gateways bear one id?": (
        "有别的客户端用我们的标识登录；是否有两台网关同名？"
    ),
    "it does not take the topic filter": "它不接受这个主题过滤器",
    "it does not take the topic": "它不接受这个主题",
    "the packet identifier is in use": "报文标识符正被使用",
    "the packet identifier is unknown": "报文标识符不存在",
    "we sent more at once than it takes": "我们一次发送的超过它能接收的",
    "it does not take the topic alias": "它不接受这个主题别名",
    "the packet is too large": "报文太大",
    "we send too fast": "我们发送得太快",
    "a quota is used up": "配额已经用完",
    "its administrator ended it": "它的管理员结束了连接",
    "the payload is not of the kind that it says": "内容与所说的格式不符",
    "it keeps no retained messages": "它不保存保留消息",
    "it does not take the quality of service": "它不支持这个服务质量",
    "another server is to be used for now": "暂时应改用另一台服务器",
    "the server has moved for good": "服务器已经永久迁移",
    "it knows no shared subscriptions": "它不支持共享订阅",
    "too many clients connect": "连接的客户端太多",
    "the longest time for a connection is over": "已到连接的最长时间",
    "it knows no subscription identifiers": "它不支持订阅标识符",
    "it knows no subscriptions with wildcards": "它不支持通配符订阅",
    "reason code {code}": "原因码 {code}",
    "it does not know who signed it": "它不认识签发者",
    "it has expired, or the broker's clock is wrong": "证书已过期，或消息服务器的时钟不对",
    "it was revoked": "证书已被吊销",
    "it is not valid for the broker": "消息服务器认为证书无效",
    "it is of a kind that the broker does not take": "消息服务器不接受这种证书",
    "it speaks no HTTP": "它不支持 HTTP",
    "not a topic that can be published to": "无法向这个主题发布消息",
    "larger than the {most} bytes that the broker takes": "超过消息服务器能接收的 {most} 字节",
    "too many messages wait for the broker": "等待发送的消息太多",
    "the broker keeps our session for {seconds} s only": "消息服务器只为我们保留会话 {seconds} 秒",
    "quality of service 1": "服务质量 1",
    "retained messages": "保留消息",
    "another server": "另一台服务器",
    "not allowed to hear {topics}": "无权订阅 {topics}",
    "connected to the broker at {address}": "已连接 {address} 的消息服务器",
    "no broker": "没有消息服务器",
    "the broker at {address} takes {user}: {remark}": "{address} 的消息服务器接受 {user}：{remark}",
    "the broker lost our session, and the claims, outcomes and commands of the meantime": (
        "消息服务器丢失了我们的会话，期间的认领、结果和命令也没有了"
    ),
}

_COMMAND_LINE = {
    "{message} (try `{command} --help`)": "{message}（用法见 `{command} --help`）",
    "{text!r} is no speed, expected a number above 0": "{text!r} 不是速度，应为大于 0 的数",
    "{text!r} is no time, expected such as 30min, 1h or 7d": "{text!r} 不是时长，应如 30min、1h 或 7d",
    "{text!r} is no time, expected 1 to 600 seconds": "{text!r} 不是时长，应为 1 到 600 秒",
    "no daemon runs for {folder}; start it with `hushbell run`": "{folder} 没有守护进程；请用 `hushbell run` 启动",
    "the daemon for {folder} has stopped; start it with `hushbell run`": (
        "{folder} 的守护进程已停止；请用 `hushbell run` 启动"
    ),
    "no right to talk to the daemon for {folder}; try as root or as its user": (
        "无权与 {folder} 的守护进程通信；请用 root 或它的用户再试"
    ),
}

_MEMBERS = {
    "{file}: {line} lines{percent}": "{file}：已读 {line} 行{percent}",
    "{file}: broken off at line {line}; run it again to go on": "{file}：在第 {line} 行中断；再运行一次即可继续",
    "{file}: the file is empty, expected a member a line": "{file}：文件是空的，应每行一位会员",
    " ({same} of them were there already)": "（其中 {same} 位已在册）",
    "{put} put{same}, {refused} refused": "已登记 {put} 位{same}，拒绝 {refused} 行",
    "no member has this id": "没有这个编号的会员",
    "there is no register yet": "还没有会员名册",
    "{count} members are in {file}": "{file} 里有 {count} 位会员",
    "{file}: is of the gateway {theirs!r}, and this one is {ours!r}": "{file}：来自网关 {theirs!r}，而本机是 {ours!r}",
    "{file}: no file can be written there": "{file}：这里写不了文件",
    "{put} members are back as they were at {at}, {total} are enrolled; send again what changed since": (
        "{put} 位会员恢复到 {at} 的样子，现有 {total} 位；之后的变动请重新发送"
    ),
    "the register is sealed under a new key": "名册已换用新密钥封存",
    "Passphrase: ": "口令：",
    "Again: ": "再输一次：",
    "the two are not the same": "两次输入不一致",
    "nobody is here to type a passphrase; name a file that holds it: --passphrase-file FILE": (
        "没有人在场输入口令，请指明存放口令的文件：--passphrase-file FILE"
    ),
    "the passphrase is too short, {least} characters are the least": "口令太短，至少要 {least} 个字符",
    "is no backup of members": "不是会员备份",
    "does not open with this passphrase, or is damaged": "口令不对，或文件已损坏",
    "is damaged": "已损坏",
    "is empty": "是空的",
    "goes on behind its end": "末尾之后还有内容",
    "was written by another version": "由另一个版本写成",
}

_STORE = {
    "another process holds the database": "另一个进程正占用数据库",
    "the database can only be read": "数据库只能读",
    "the database is damaged": "数据库已损坏",
    "it cannot be opened": "无法打开",
    "the disk gave an error": "磁盘出错",
    "the key that members are sealed with cannot be used": "封存会员资料的密钥无法使用",
    "the database refused": "数据库拒绝了",
    "a newer Hushbell made this database: install that one again; nothing was changed": (
        "数据库由较新版本的 Hushbell 创建：请重新安装该版本；未作任何更改"
    ),
    "an older Hushbell made this database: start the gateway once, which brings it up to date": (
        "数据库由较旧版本的 Hushbell 创建：请启动一次网关，它会自动升级"
    ),
}

_AUDIT = {
    "Held about members and for the gateway's work:": "保存着的会员资料，以及网关自身工作所需：",
    "why": "为何",
    "until": "到何时",
    "searched": "已搜查",
    "not searched": "未搜查",
    "FAULT": "问题",
    "{count} faults": "{count} 处问题",
    "Searched for addresses of strangers, and for what nobody has a reason to hold:": (
        "搜查陌生人的地址，以及没有理由保存的一切："
    ),
    "Nothing else is held, and no address of anybody who is no member.": ("别无其他，也没有任何非会员的地址。"),
    "consent to be recognised": "同意被认出",
    "the gateway's own work, about nobody": "网关自身的工作，不涉及任何人",
    "the member's own request": "会员本人的要求",
    "proof of consent": "证明曾经同意",
    "to erase them again after a backup is restored": "恢复备份后再次删除他们",
    "always": "一直",
    "{alerts} days": "{alerts} 天",
    "{visits} days after the visit": "到店后 {visits} 天",
    "the member goes, or {inactive} days without a visit": "会员退出，或 {inactive} 天未到店",
    "the visit ends": "离店为止",
    "a minute, as the rule has it": "一分钟，以规则为准",
    "8 days, or as long as a rule's caps look back": "8 天，或规则的限次回溯多久就多久",
    "24 hours": "24 小时",
    "the credential goes": "凭证删除为止",
    "a day after it was sent": "发出后一天",
    "members' records": "会员记录",
    "credentials": "凭证",
    "receipts of consent": "同意记录",
    "decisions: why a rule fired or did not": "判断记录：规则为何触发或没有触发",
    "messages, to be sent or sent": "待发或已发的消息",
    "keyed digests of members who were erased": "已删除会员的带密钥摘要",
    "visits that are over; where they stopped only with consent to zones": ("已结束的到店；停留处仅在同意使用区域时"),
    "the day of the last visit": "最后一次到店的日期",
    "open visits": "进行中的到店",
    "open alerts": "进行中的提醒",
    "how often a member was reached, and what became of offers": "提醒与推送的次数，以及优惠的结果",
    "how far an id that changes has come, under a keyed digest": "变化编号的进度（带密钥摘要）",
    "credentials that are suspected, under a keyed digest": "可疑的凭证（带密钥摘要）",
    "the number of the last message of each topic": "各主题最后一条消息的序号",
    "when the gateway was last at work": "网关最近的工作时间",
    "it is told": "通知之后",
    "when members were last looked through for who does not come": "最近一次查找久未到店会员的时间",
    "what is still to be told of members, sealed": "尚未通知的会员变更，已密封",
    "what was sent": "已发出的进度",
    "nothing is stored yet": "还没有保存任何内容",
    "{count} rows, every field of each": "{count} 行，逐项查看",
    "{count} files, {size} bytes": "{count} 个文件，{size} 字节",
    "{count} entries, every field of each": "{count} 条记录，逐项查看",
    "journals, sealed: what decisions were made from": "加密的决策流水：决策依据",
    "{journal} days": "{journal} 天",
    "journals are held too long: the running gateway deletes them": "决策流水保存过久：运行中的网关会删除它们",
    "a journal is about somebody who is no member": "决策流水中有人不是会员",
    "a journal holds {what}": "决策流水中有{what}",
    "{count} lines": "{count} 行",
    "{count} retained messages that this user may read": "此用户可读的 {count} 条保留消息",
    "the running gateway holds the place of this user; stop it first": "运行中的网关占用着这个用户；请先停止它",
    "the broker does not answer": "消息服务器没有应答",
    "there is no journal here; name log files with --log": "这里没有系统日志；请用 --log 指定日志文件",
    "the journal cannot be read; try as root": "无法读取系统日志；请以 root 身份再试",
    "the database has a column that nobody knows: {table}.{column}": "数据库里有来历不明的列：{table}.{column}",
    "a member's record cannot be read: {reason}": "一位会员的记录无法读取：{reason}",
    "state of a kind that nobody knows: {kind}": "来历不明的状态类型：{kind}",
    "state of kind {kind} holds what nobody knows": "类型为 {kind} 的状态含有来历不明的内容",
    "a decision holds what nobody knows": "一条判断记录含有来历不明的内容",
    "an event of a type that nobody knows: {type}": "来历不明的消息类型：{type}",
    "an event of type {type} holds what nobody knows": "类型为 {type} 的消息含有来历不明的内容",
    "a row of kind {kind} is about nobody who could be told": "一行类型为 {kind} 的记录没有说明是关于谁的",
    "a row of kind {kind} is about somebody who is no member": "一行类型为 {kind} 的记录是关于非会员的",
    "a row of kind {kind} holds {what}": "一行类型为 {kind} 的记录含有{what}",
    "rows of kind {kind} are held too long: the running gateway deletes them": (
        "类型为 {kind} 的记录保存过久：网关运行时会删除它们"
    ),
    "{count} members have not come for so long that they should be forgotten": "{count} 位会员太久未到店，应当删除",
    "a file in the state folder that nobody knows: {name}": "状态文件夹里有来历不明的文件：{name}",
    "{name} holds {count} addresses in clear text": "{name} 含有 {count} 个明文地址",
    "{where}:{line} holds {what}": "{where}:{line} 含有{what}",
    "the broker keeps what must not last: {topic}": "消息服务器保留了不该留存的消息：{topic}",
    "what the broker keeps on {topic} holds {what}": "消息服务器在 {topic} 上保留的内容含有{what}",
    "an address": "设备地址",
    "a digest": "摘要",
    "a phone number": "电话号码",
    "an e-mail address": "邮箱地址",
    "a member's id": "会员编号",
    "texts of rules that decided": "作出过决定的规则原文",
    "when the back end said each fact": "后台何时说过每条事实",
    "the back end takes it back": "后台将其收回",
    "the last decision by it goes": "据其作出的最后一个决定被删除时",
    "digests of the decisions of a day": "每日决定的摘要",
    "400 days": "400 天",
    "the {paper} of {at} does not match the configuration any more; write it anew: hushbell audit {name}": (
        "{at} 的{paper}已与配置不符；请重新生成：hushbell audit {name}"
    ),
    "notice": "告知书",
    "sign": "告示",
    "assessment": "影响评估",
}

CHINESE: Mapping[str, str] = MappingProxyType(
    _DOCUMENTS
    | _YAML
    | _FILES
    | _SECTIONS
    | _VALUES
    | _BROKER
    | _LINK
    | _SHOP
    | _RULES
    | _RULE_TESTS
    | _TRY
    | _WATCH
    | _CAUSES
    | _REASONS
    | _TROUBLES
    | _EXPLAIN
    | _ENROL
    | _CALIBRATE
    | _BUZZ
    | _SANDBOX
    | _SCENES
    | _DOCTOR
    | _COMMAND_LINE
    | _MEMBERS
    | _STORE
    | _AUDIT
)
